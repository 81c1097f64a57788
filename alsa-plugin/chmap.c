// Channel maps: every order of the speakers of a layout is offered, since the broker puts channels where they belong.
#include "pcm.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

// ALSA's own order for each number of channels.
static const uint8_t usual[SOUND_MAX_CHANNELS + 1][SOUND_MAX_CHANNELS] = {
    [1] = {SND_CHMAP_MONO},
    [2] = {SND_CHMAP_FL, SND_CHMAP_FR},
    [3] = {SND_CHMAP_FL, SND_CHMAP_FR, SND_CHMAP_LFE},
    [4] = {SND_CHMAP_FL, SND_CHMAP_FR, SND_CHMAP_RL, SND_CHMAP_RR},
    [5] = {SND_CHMAP_FL, SND_CHMAP_FR, SND_CHMAP_RL, SND_CHMAP_RR, SND_CHMAP_FC},
    [6] = {SND_CHMAP_FL, SND_CHMAP_FR, SND_CHMAP_RL, SND_CHMAP_RR, SND_CHMAP_FC, SND_CHMAP_LFE},
    [7] = {SND_CHMAP_FL, SND_CHMAP_FR, SND_CHMAP_RL, SND_CHMAP_RR, SND_CHMAP_FC, SND_CHMAP_LFE, SND_CHMAP_RC},
    [8] = {SND_CHMAP_FL, SND_CHMAP_FR, SND_CHMAP_RL, SND_CHMAP_RR, SND_CHMAP_FC, SND_CHMAP_LFE, SND_CHMAP_SL,
           SND_CHMAP_SR},
};

static bool has(const uint8_t *positions, unsigned int channels, unsigned int position) {
    for (unsigned int i = 0; i < channels; i++)
        if (positions[i] == position) return true;
    return false;
}

void pcm_default_positions(const struct sound_welcome *offer, unsigned int channels, uint8_t *positions) {
    memset(positions, 0, SOUND_MAX_CHANNELS);
    if (channels == 0 || channels > SOUND_MAX_CHANNELS) return;
    memcpy(positions, usual[channels], SOUND_MAX_CHANNELS);
    if (channels != offer->channels_max || channels <= 2) return;
    // The host's speakers may be others than usual: then they are what there is. Where they are the usual ones, in
    // whatever order, programs that ask for no map expect ALSA's.
    for (unsigned int i = 0; i < channels; i++) {
        if (has(usual[channels], channels, offer->positions[i])) continue;
        memcpy(positions, offer->positions, SOUND_MAX_CHANNELS);
        return;
    }
}

// A map behind `before` bytes of something else, in one piece of memory that the program frees.
static void *new_map(size_t before, unsigned int channels, const uint8_t *positions, snd_pcm_chmap_t **map) {
    void *memory = calloc(1, before + sizeof(snd_pcm_chmap_t) + channels * sizeof(unsigned int));
    if (!memory) return NULL;
    *map = (snd_pcm_chmap_t *)((char *)memory + before);
    (*map)->channels = channels;
    for (unsigned int i = 0; i < channels; i++) (*map)->pos[i] = positions[i];
    return memory;
}

snd_pcm_chmap_query_t **pcm_query_chmaps(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (pcm->owner != getpid()) return NULL;
    struct sound_welcome offer = link_offer(&pcm->link);
    unsigned int most = offer.channels_max < SOUND_MAX_CHANNELS ? offer.channels_max : SOUND_MAX_CHANNELS;
    unsigned int least = offer.channels_min > 0 ? offer.channels_min : 1;
    snd_pcm_chmap_query_t **list = calloc(SOUND_MAX_CHANNELS + 1, sizeof *list);
    if (!list) return NULL;
    unsigned int count = 0;
    for (unsigned int channels = least; channels <= most; channels++) {
        uint8_t positions[SOUND_MAX_CHANNELS];
        pcm_default_positions(&offer, channels, positions);
        snd_pcm_chmap_t *map;
        list[count] = new_map(offsetof(snd_pcm_chmap_query_t, map), channels, positions, &map);
        if (!list[count]) {
            snd_pcm_free_chmaps(list);
            return NULL;
        }
        list[count++]->type = channels > 1 ? SND_CHMAP_TYPE_VAR : SND_CHMAP_TYPE_FIXED;
    }
    return list;
}

snd_pcm_chmap_t *pcm_get_chmap(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    snd_pcm_chmap_t *map;
    if (!pcm->ring) return NULL;
    return new_map(0, io->channels, pcm->positions, &map);
}

int pcm_set_chmap(snd_pcm_ioplug_t *io, const snd_pcm_chmap_t *map) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -EBADFD;
    if (io->state != SND_PCM_STATE_PREPARED && io->state != SND_PCM_STATE_SETUP) return -EBADFD;
    if (map->channels != io->channels) return -EINVAL;
    struct sound_welcome offer = link_offer(&pcm->link);
    uint8_t layout[SOUND_MAX_CHANNELS], positions[SOUND_MAX_CHANNELS] = {0};
    pcm_default_positions(&offer, io->channels, layout);
    for (unsigned int i = 0; i < map->channels; i++) {
        // Only the speakers of the layout, each once, in whatever order.
        if (!has(layout, io->channels, map->pos[i]) || has(positions, i, map->pos[i])) return -EINVAL;
        positions[i] = (uint8_t)map->pos[i];
    }
    memcpy(pcm->positions, positions, sizeof positions);
    link_channels(&pcm->link, positions);
    return 0;
}
