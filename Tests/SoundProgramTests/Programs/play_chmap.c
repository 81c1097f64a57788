// Asks a PCM for its channel maps, then plays a file to it.
#include "sound_file.h"

#include <alsa/asoundlib.h>

static void check(int error, const char *what) {
    if (error < 0) fail(what, snd_strerror(error));
}

int main(int count, char **arguments) {
    if (count != 3) fail(arguments[0], "DEVICE FILE");
    struct sound_file sound = read_sound(arguments[2]);
    snd_pcm_t *pcm;
    check(snd_pcm_open(&pcm, arguments[1], SND_PCM_STREAM_PLAYBACK, 0), "open");
    snd_pcm_chmap_query_t **maps = snd_pcm_query_chmaps(pcm);
    int stereo = 0;
    for (int i = 0; maps && maps[i]; i++) {
        const snd_pcm_chmap_t *map = &maps[i]->map;
        if (map->channels == CHANNELS && map->pos[0] == SND_CHMAP_FL && map->pos[1] == SND_CHMAP_FR) stereo++;
    }
    if (maps) snd_pcm_free_chmaps(maps);
    if (!stereo) fail("snd_pcm_query_chmaps", "no map of front left and front right");
    check(
        snd_pcm_set_params(
            pcm, SND_PCM_FORMAT_S16, SND_PCM_ACCESS_RW_INTERLEAVED, CHANNELS, RATE, 0, 100000),
        "set parameters");
    snd_pcm_chmap_t *map = snd_pcm_get_chmap(pcm);
    if (!map || map->channels != CHANNELS || map->pos[0] != SND_CHMAP_FL) fail("snd_pcm_get_chmap", "no stereo map");
    free(map);
    int16_t frames[1024 * CHANNELS];
    for (size_t got; (got = next_frames(&sound, frames, 1024));) {
        snd_pcm_sframes_t written = snd_pcm_writei(pcm, frames, got);
        if (written < 0) check(snd_pcm_recover(pcm, (int)written, 0), "write");
        if (written < (snd_pcm_sframes_t)got) sound.played -= got - (size_t)(written > 0 ? written : 0);
    }
    check(snd_pcm_drain(pcm), "drain");
    check(snd_pcm_close(pcm), "close");
    return 0;
}
