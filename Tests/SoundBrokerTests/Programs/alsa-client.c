// A program that uses the pod's sound as many programs do in many ways, for the sanitizers to watch.
//
//   alsa-client play|capture ACCESS FORMAT CHANNELS     one PCM, from open to close
//   alsa-client mixer                                   the control device
//   alsa-client fader                                   the control device, whatever becomes of its broker
//   alsa-client fork                                    what a child does with its parent's handles
//   alsa-client overread                                a mistake, so that it is known to be found
#include <alsa/asoundlib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long checked(const char *what, long result) {
    if (result >= 0) return result;
    fprintf(stderr, "%s: %s\n", what, snd_strerror((int)result));
    exit(1);
}
#define CHECK(call) checked(#call, (long)(call))
#define EXPECT(condition) \
    do \
        if (!(condition)) { \
            fprintf(stderr, "not so: %s\n", #condition); \
            exit(1); \
        } \
    while (0)

enum { RATE = 48000, PERIOD = 480, BUFFER = 4 * PERIOD };

struct stream {
    snd_pcm_t *pcm;
    bool plays, is_mmapped, is_interleaved;
    snd_pcm_format_t format;
    unsigned int channels;
    char *samples;                 // a buffer's worth
    void *planes[SND_CHMAP_LAST]; // of each channel, within `samples`
};

static void configure(struct stream *stream, snd_pcm_access_t access) {
    snd_pcm_hw_params_t *hw;
    snd_pcm_sw_params_t *sw;
    snd_pcm_hw_params_alloca(&hw);
    snd_pcm_sw_params_alloca(&sw);
    CHECK(snd_pcm_hw_params_any(stream->pcm, hw));
    CHECK(snd_pcm_hw_params_set_access(stream->pcm, hw, access));
    CHECK(snd_pcm_hw_params_set_format(stream->pcm, hw, stream->format));
    CHECK(snd_pcm_hw_params_set_channels(stream->pcm, hw, stream->channels));
    CHECK(snd_pcm_hw_params_set_rate(stream->pcm, hw, RATE, 0));
    snd_pcm_uframes_t period = PERIOD, buffer = BUFFER;
    CHECK(snd_pcm_hw_params_set_period_size_near(stream->pcm, hw, &period, NULL));
    CHECK(snd_pcm_hw_params_set_buffer_size_near(stream->pcm, hw, &buffer));
    CHECK(snd_pcm_hw_params(stream->pcm, hw));
    EXPECT(buffer <= BUFFER);
    CHECK(snd_pcm_sw_params_current(stream->pcm, sw));
    CHECK(snd_pcm_sw_params_set_start_threshold(stream->pcm, sw, stream->plays ? 2 * PERIOD : 1));
    CHECK(snd_pcm_sw_params_set_avail_min(stream->pcm, sw, PERIOD));
    // Of a machine that is busy elsewhere: it runs on over an xrun.
    snd_pcm_uframes_t boundary;
    CHECK(snd_pcm_sw_params_get_boundary(sw, &boundary));
    CHECK(snd_pcm_sw_params_set_stop_threshold(stream->pcm, sw, boundary));
    CHECK(snd_pcm_sw_params(stream->pcm, sw));
    free(stream->samples);
    size_t bytes = (size_t)snd_pcm_format_physical_width(stream->format) / 8;
    stream->samples = malloc(BUFFER * bytes * stream->channels);
    EXPECT(stream->samples);
    snd_pcm_format_set_silence(stream->format, stream->samples, BUFFER * stream->channels);
    for (unsigned int channel = 0; channel < stream->channels; channel++)
        stream->planes[channel] = stream->samples + channel * BUFFER * bytes;
}

static void try_maps(struct stream *stream) {
    snd_pcm_chmap_query_t **maps = snd_pcm_query_chmaps(stream->pcm);
    EXPECT(maps && maps[0]);
    snd_pcm_free_chmaps(maps);
    snd_pcm_chmap_t *map = snd_pcm_get_chmap(stream->pcm);
    EXPECT(map && map->channels == stream->channels);
    if (map->channels > 1) {
        unsigned int first = map->pos[0];
        map->pos[0] = map->pos[1];
        map->pos[1] = first;
        CHECK(snd_pcm_set_chmap(stream->pcm, map));
        map->pos[0] = map->pos[1];
        EXPECT(snd_pcm_set_chmap(stream->pcm, map) == -EINVAL);
    }
    free(map);
}

static snd_pcm_sframes_t transfer_once(struct stream *stream, snd_pcm_uframes_t frames) {
    snd_pcm_t *pcm = stream->pcm;
    if (stream->plays && stream->is_mmapped)
        return stream->is_interleaved ? snd_pcm_mmap_writei(pcm, stream->samples, frames)
                                      : snd_pcm_mmap_writen(pcm, stream->planes, frames);
    if (stream->plays)
        return stream->is_interleaved ? snd_pcm_writei(pcm, stream->samples, frames)
                                      : snd_pcm_writen(pcm, stream->planes, frames);
    if (stream->is_mmapped)
        return stream->is_interleaved ? snd_pcm_mmap_readi(pcm, stream->samples, frames)
                                      : snd_pcm_mmap_readn(pcm, stream->planes, frames);
    return stream->is_interleaved ? snd_pcm_readi(pcm, stream->samples, frames)
                                  : snd_pcm_readn(pcm, stream->planes, frames);
}

static void transfer(struct stream *stream, snd_pcm_uframes_t frames) {
    while (frames > 0) {
        // Odd pieces, so that both ends of the ring are met in the middle of them.
        snd_pcm_sframes_t done = transfer_once(stream, frames < 333 ? frames : 333);
        if (done == -EPIPE) done = CHECK(snd_pcm_recover(stream->pcm, (int)done, 1));
        frames -= (snd_pcm_uframes_t)CHECK(done);
    }
}

static void use(struct stream *stream) {
    snd_pcm_t *pcm = stream->pcm;
    snd_pcm_sframes_t delay, avail;
    snd_pcm_status_t *status;
    snd_output_t *output;
    snd_pcm_status_alloca(&status);
    transfer(stream, stream->plays ? 3 * PERIOD : PERIOD);
    CHECK(snd_pcm_avail_delay(pcm, &avail, &delay));
    CHECK(snd_pcm_status(pcm, status));
    CHECK(snd_pcm_wait(pcm, 10000));
    CHECK(snd_pcm_rewind(pcm, 100));
    transfer(stream, 10 * PERIOD);
    CHECK(snd_pcm_forward(pcm, 10));
    CHECK(snd_pcm_pause(pcm, 1));
    CHECK(snd_pcm_pause(pcm, 0));
    CHECK(snd_pcm_reset(pcm));
    CHECK(snd_output_buffer_open(&output));
    CHECK(snd_pcm_dump(pcm, output));
    CHECK(snd_output_close(output));
    CHECK(snd_pcm_drop(pcm));
    CHECK(snd_pcm_prepare(pcm));
    transfer(stream, 4 * PERIOD);
    CHECK(snd_pcm_drain(pcm));
}

static int run_pcm(bool plays, int access, snd_pcm_format_t format, unsigned int channels) {
    struct stream stream = {
        .plays = plays,
        .format = format,
        .channels = channels,
        .is_mmapped = access == SND_PCM_ACCESS_MMAP_INTERLEAVED || access == SND_PCM_ACCESS_MMAP_NONINTERLEAVED,
        .is_interleaved = access == SND_PCM_ACCESS_MMAP_INTERLEAVED || access == SND_PCM_ACCESS_RW_INTERLEAVED,
    };
    CHECK(snd_pcm_open(&stream.pcm, "mediapod", plays ? SND_PCM_STREAM_PLAYBACK : SND_PCM_STREAM_CAPTURE, 0));
    for (int round = 0; round < 2; round++) {
        configure(&stream, (snd_pcm_access_t)access);
        try_maps(&stream);
        use(&stream);
        CHECK(snd_pcm_hw_free(stream.pcm));
    }
    CHECK(snd_pcm_close(stream.pcm));
    free(stream.samples);
    return 0;
}

static snd_ctl_t *open_mixer(void) {
    snd_ctl_t *ctl;
    CHECK(snd_ctl_open(&ctl, "mediapod", SND_CTL_NONBLOCK));
    return ctl;
}

static int set(snd_ctl_t *ctl, const char *name, long value) {
    snd_ctl_elem_value_t *element;
    snd_ctl_elem_value_alloca(&element);
    snd_ctl_elem_value_set_interface(element, SND_CTL_ELEM_IFACE_MIXER);
    snd_ctl_elem_value_set_name(element, name);
    snd_ctl_elem_value_set_integer(element, 0, value);
    return snd_ctl_elem_write(ctl, element);
}

static long get(snd_ctl_t *ctl, const char *name) {
    snd_ctl_elem_value_t *element;
    snd_ctl_elem_value_alloca(&element);
    snd_ctl_elem_value_set_interface(element, SND_CTL_ELEM_IFACE_MIXER);
    snd_ctl_elem_value_set_name(element, name);
    CHECK(snd_ctl_elem_read(ctl, element));
    return snd_ctl_elem_value_get_integer(element, 0);
}

static int run_mixer(void) {
    static const char volume[] = "Master Playback Volume";
    snd_ctl_t *first = open_mixer(), *second = open_mixer();
    CHECK(snd_ctl_subscribe_events(second, 1));
    snd_ctl_event_t *event;
    snd_ctl_event_alloca(&event);
    EXPECT(snd_ctl_read(second, event) == -EAGAIN);
    // What is said last counts at both.
    for (int value = 0; value <= 1000; value++) CHECK(set(first, volume, 10 * value));
    EXPECT(set(first, volume, 10000) == 0);
    EXPECT(set(first, volume, 65537) < 0 && set(first, volume, -1) < 0);
    EXPECT(set(first, "Bass", 1) == -ENOENT);
    while (get(second, volume) != 10000) CHECK(snd_ctl_wait(second, 10000));
    while (snd_ctl_read(second, event) > 0)
        EXPECT(!strcmp(snd_ctl_event_elem_get_name(event), volume));
    CHECK(set(second, "Capture Switch", get(second, "Capture Switch") ? 0 : 1));
    CHECK(snd_ctl_wait(second, 10000));
    EXPECT(snd_ctl_read(second, event) == 1);
    CHECK(set(second, volume, 65536));
    EXPECT(get(second, volume) == 65536);
    CHECK(snd_ctl_close(first));
    CHECK(snd_ctl_close(second));
    return 0;
}

static int run_fader(void) {
    snd_ctl_t *first = open_mixer(), *second = open_mixer();
    CHECK(snd_ctl_subscribe_events(second, 1));
    snd_ctl_event_t *event;
    snd_ctl_event_alloca(&event);
    // No value is expected: a broker that is killed takes with it what it was told last.
    for (int round = 0; round < 400; round++) {
        CHECK(set(round % 3 ? first : second, "Master Playback Volume", round));
        CHECK(set(second, "Capture Switch", round % 2));
        CHECK(snd_ctl_wait(second, 5));
        int result;
        while ((result = snd_ctl_read(second, event)) > 0) {}
        EXPECT(result == -EAGAIN);
        usleep(2000);
    }
    CHECK(snd_ctl_close(first));
    CHECK(snd_ctl_close(second));
    return 0;
}

static int run_fork(void) {
    struct stream stream = {.plays = true, .is_interleaved = true, .format = SND_PCM_FORMAT_S16_LE, .channels = 2};
    CHECK(snd_pcm_open(&stream.pcm, "mediapod", SND_PCM_STREAM_PLAYBACK, 0));
    configure(&stream, SND_PCM_ACCESS_RW_INTERLEAVED);
    transfer(&stream, 2 * PERIOD);
    snd_ctl_t *mixer = open_mixer();
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        EXPECT(transfer_once(&stream, PERIOD) < 0);
        EXPECT(snd_pcm_prepare(stream.pcm) < 0);
        EXPECT(set(mixer, "Master Playback Volume", 1) < 0);
        CHECK(snd_ctl_close(mixer));
        snd_pcm_close(stream.pcm);
        free(stream.samples);
        return 0;
    }
    int status;
    EXPECT(waitpid(child, &status, 0) == child && status == 0);
    // The parent's go on as if nothing had been.
    EXPECT(get(mixer, "Master Playback Volume") != 1);
    CHECK(snd_ctl_close(mixer));
    transfer(&stream, 10 * PERIOD);
    CHECK(snd_pcm_drain(stream.pcm));
    CHECK(snd_pcm_close(stream.pcm));
    free(stream.samples);
    return 0;
}

static int run_overread(void) {
    struct stream stream = {.plays = true, .is_interleaved = true, .format = SND_PCM_FORMAT_S16_LE, .channels = 2};
    CHECK(snd_pcm_open(&stream.pcm, "mediapod", SND_PCM_STREAM_PLAYBACK, 0));
    configure(&stream, SND_PCM_ACCESS_RW_INTERLEAVED);
    stream.samples = realloc(stream.samples, 4);
    snd_pcm_writei(stream.pcm, stream.samples, 2); // read by the plugin's memcpy
    return 0;
}

int main(int count, char **arguments) {
    const char *mode = count > 1 ? arguments[1] : "";
    int result = 2;
    if (count == 5 && (!strcmp(mode, "play") || !strcmp(mode, "capture")))
        result = run_pcm(
            !strcmp(mode, "play"), atoi(arguments[2]), snd_pcm_format_value(arguments[3]),
            (unsigned int)atoi(arguments[4]));
    else if (!strcmp(mode, "mixer")) result = run_mixer();
    else if (!strcmp(mode, "fader")) result = run_fader();
    else if (!strcmp(mode, "fork")) result = run_fork();
    else if (!strcmp(mode, "overread")) result = run_overread();
    else fprintf(stderr, "usage: alsa-client play|capture ACCESS FORMAT CHANNELS | mixer | fader | fork | overread\n");
    // What alsa-lib keeps for the next open is no leak.
    snd_config_update_free_global();
    return result;
}
