// What a PCM promises, tried through alsa-lib: `contract WHAT [FILE]`. Ends with 0, or says what was not kept.
// FILE is raw S16_LE stereo at 44.1 kHz: what is heard of it is for the caller to compare.
#include <alsa/asoundlib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static snd_pcm_t *pcm;
static int16_t *frames;
static snd_pcm_uframes_t frame_count;

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        long result_ = (long)(call);                                                                                   \
        if (result_ < 0) {                                                                                             \
            fprintf(stderr, "line %d: %s: %s\n", __LINE__, #call, snd_strerror((int)result_));                         \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)
#define HOLDS(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "line %d: %s: ", __LINE__, #condition);                                                    \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static void read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) exit(2);
    fseek(file, 0, SEEK_END);
    frame_count = (snd_pcm_uframes_t)ftell(file) / 4;
    rewind(file);
    frames = malloc(frame_count * 4);
    if (!frames || fread(frames, 4, frame_count, file) != frame_count) exit(2);
    fclose(file);
}

static void open_pcm(snd_pcm_stream_t stream, int mode, snd_pcm_access_t access, snd_pcm_uframes_t buffer,
                     snd_pcm_uframes_t period) {
    MUST(snd_pcm_open(&pcm, "mediapod", stream, mode));
    snd_pcm_hw_params_t *params;
    snd_pcm_hw_params_alloca(&params);
    MUST(snd_pcm_hw_params_any(pcm, params));
    MUST(snd_pcm_hw_params_set_rate_resample(pcm, params, 0));
    MUST(snd_pcm_hw_params_set_access(pcm, params, access));
    MUST(snd_pcm_hw_params_set_format(pcm, params, SND_PCM_FORMAT_S16_LE));
    MUST(snd_pcm_hw_params_set_channels(pcm, params, 2));
    MUST(snd_pcm_hw_params_set_rate(pcm, params, 44100, 0));
    MUST(snd_pcm_hw_params_set_period_size(pcm, params, period, 0));
    MUST(snd_pcm_hw_params_set_buffer_size(pcm, params, buffer));
    MUST(snd_pcm_hw_params(pcm, params));
}

static void thresholds(snd_pcm_uframes_t start, snd_pcm_uframes_t stop, snd_pcm_uframes_t avail_min) {
    snd_pcm_sw_params_t *params;
    snd_pcm_sw_params_alloca(&params);
    MUST(snd_pcm_sw_params_current(pcm, params));
    MUST(snd_pcm_sw_params_set_start_threshold(pcm, params, start));
    MUST(snd_pcm_sw_params_set_stop_threshold(pcm, params, stop));
    MUST(snd_pcm_sw_params_set_avail_min(pcm, params, avail_min));
    MUST(snd_pcm_sw_params(pcm, params));
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void write_all(snd_pcm_uframes_t from, snd_pcm_uframes_t to) {
    while (from < to) {
        snd_pcm_sframes_t written = snd_pcm_writei(pcm, frames + from * 2, to - from);
        MUST(written);
        from += (snd_pcm_uframes_t)written;
    }
}

static void finish(void) {
    MUST(snd_pcm_drain(pcm));
    MUST(snd_pcm_close(pcm));
}

// Each channel in a buffer of its own.
static void noninterleaved(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_NONINTERLEAVED, 8192, 2048);
    int16_t *left = malloc(frame_count * 2), *right = malloc(frame_count * 2);
    if (!left || !right) exit(2);
    for (snd_pcm_uframes_t i = 0; i < frame_count; i++) left[i] = frames[2 * i], right[i] = frames[2 * i + 1];
    for (snd_pcm_uframes_t done = 0; done < frame_count;) {
        void *buffers[2] = {left + done, right + done};
        snd_pcm_sframes_t written = snd_pcm_writen(pcm, buffers, frame_count - done);
        MUST(written);
        done += (snd_pcm_uframes_t)written;
    }
    finish();
}

static void mapped(snd_pcm_access_t access) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, access, 9000, 1500);
    for (snd_pcm_uframes_t done = 0; done < frame_count;) {
        snd_pcm_sframes_t avail = snd_pcm_avail_update(pcm);
        MUST(avail);
        if (avail == 0) {
            if (snd_pcm_state(pcm) == SND_PCM_STATE_PREPARED) MUST(snd_pcm_start(pcm));
            MUST(snd_pcm_wait(pcm, 10000));
            continue;
        }
        const snd_pcm_channel_area_t *areas;
        snd_pcm_uframes_t offset, count = frame_count - done;
        MUST(snd_pcm_mmap_begin(pcm, &areas, &offset, &count));
        for (snd_pcm_uframes_t i = 0; i < count; i++)
            for (int channel = 0; channel < 2; channel++) {
                char *at = (char *)areas[channel].addr + (areas[channel].first + (offset + i) * areas[channel].step) / 8;
                memcpy(at, &frames[(done + i) * 2 + (snd_pcm_uframes_t)channel], 2);
            }
        snd_pcm_sframes_t committed = snd_pcm_mmap_commit(pcm, offset, count);
        MUST(committed);
        done += (snd_pcm_uframes_t)committed;
    }
    if (snd_pcm_state(pcm) == SND_PCM_STATE_PREPARED) MUST(snd_pcm_start(pcm));
    finish();
}

// Non-blocking, woken by poll alone, also to drain.
static void polled(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, SND_PCM_NONBLOCK, SND_PCM_ACCESS_RW_INTERLEAVED, 6000, 2000);
    HOLDS(snd_pcm_poll_descriptors_count(pcm) == 1, "%d", snd_pcm_poll_descriptors_count(pcm));
    bool was_full = false;
    for (snd_pcm_uframes_t done = 0; done < frame_count;) {
        snd_pcm_sframes_t written = snd_pcm_writei(pcm, frames + done * 2, frame_count - done);
        if (written == -EAGAIN) {
            was_full = true;
            struct pollfd polled;
            unsigned short events = 0;
            do {
                MUST(snd_pcm_poll_descriptors(pcm, &polled, 1));
                HOLDS(poll(&polled, 1, 10000) == 1, "no event");
                MUST(snd_pcm_poll_descriptors_revents(pcm, &polled, 1, &events));
            } while (!(events & POLLOUT));
            HOLDS(!(events & POLLERR), "an error");
            continue;
        }
        MUST(written);
        done += (snd_pcm_uframes_t)written;
    }
    HOLDS(was_full, "the buffer took all at once");
    int drained;
    while ((drained = snd_pcm_drain(pcm)) == -EAGAIN) {
        struct pollfd polled;
        MUST(snd_pcm_poll_descriptors(pcm, &polled, 1));
        HOLDS(poll(&polled, 1, 10000) == 1, "no event while draining");
    }
    MUST(drained);
    MUST(snd_pcm_close(pcm));
}

// Nothing plays before the start threshold, and everything from there on.
static void starts(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 8000, 2000);
    thresholds(6000, 8000, 2000);
    write_all(0, 4000);
    usleep(100000);
    HOLDS(snd_pcm_state(pcm) == SND_PCM_STATE_PREPARED, "%s", snd_pcm_state_name(snd_pcm_state(pcm)));
    HOLDS(snd_pcm_avail(pcm) == 4000, "%ld", (long)snd_pcm_avail(pcm));
    write_all(4000, 6000);
    HOLDS(snd_pcm_state(pcm) == SND_PCM_STATE_RUNNING, "%s", snd_pcm_state_name(snd_pcm_state(pcm)));
    write_all(6000, frame_count);
    finish();
}

// poll says so only when avail_min frames are free.
static void wakes(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 8000, 500);
    thresholds(8000, 8000, 3000);
    write_all(0, 8000);
    snd_pcm_uframes_t done = 8000;
    while (done < frame_count) {
        MUST(snd_pcm_wait(pcm, 10000));
        snd_pcm_sframes_t avail = snd_pcm_avail_update(pcm);
        HOLDS(avail >= 3000, "woken with %ld frames free", (long)avail);
        snd_pcm_uframes_t count = (snd_pcm_uframes_t)avail < frame_count - done ? (snd_pcm_uframes_t)avail : frame_count - done;
        write_all(done, done + count);
        done += count;
    }
    finish();
}

// In a pause the pointer stands still, and then everything goes on.
static void pauses(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 16000, 2000);
    write_all(0, 16000);
    for (int round = 0; round < 5; round++) {
        MUST(snd_pcm_pause(pcm, 1));
        HOLDS(snd_pcm_state(pcm) == SND_PCM_STATE_PAUSED, "not paused");
        usleep(50000);
        snd_pcm_sframes_t before = snd_pcm_avail(pcm);
        usleep(100000);
        HOLDS(snd_pcm_avail(pcm) == before, "it went on: %ld, %ld", (long)before, (long)snd_pcm_avail(pcm));
        MUST(snd_pcm_pause(pcm, 0));
        write_all(16000 + (snd_pcm_uframes_t)round * 2000, 18000 + (snd_pcm_uframes_t)round * 2000);
    }
    write_all(26000, frame_count);
    finish();
}

// What is dropped is not heard; after prepare it begins anew. The first second's first half is heard at most.
static void drops(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 22050, 2205);
    thresholds(1, 22050, 2205);
    static int16_t other[22050 * 2];
    for (int i = 0; i < 22050 * 2; i++) other[i] = (int16_t)(i % 2 ? 1000 : -1000);
    MUST(snd_pcm_writei(pcm, other, 22050));
    MUST(snd_pcm_drop(pcm));
    HOLDS(snd_pcm_state(pcm) == SND_PCM_STATE_SETUP, "not stopped");
    MUST(snd_pcm_prepare(pcm));
    HOLDS(snd_pcm_avail(pcm) == 22050, "%ld", (long)snd_pcm_avail(pcm));
    write_all(0, frame_count);
    finish();
}

// What was written and is taken back before it is heard is not heard; what is written instead is.
static void rewinds(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 22050, 2205);
    thresholds(22050, 22050, 2205);
    static int16_t wrong[4000 * 2];
    for (int i = 0; i < 4000 * 2; i++) wrong[i] = (int16_t)(5000 + i % 7);
    snd_pcm_uframes_t done = 0;
    write_all(0, 18050);
    done = 18050;
    // Before it runs.
    MUST(snd_pcm_writei(pcm, wrong, 1000));
    HOLDS(snd_pcm_rewindable(pcm) >= 1000, "%ld", (long)snd_pcm_rewindable(pcm));
    HOLDS(snd_pcm_rewind(pcm, 1000) == 1000, "no rewind");
    write_all(done, 22050);
    done = 22050;
    // While it runs, ten times, of what the sink has long been given.
    for (int round = 0; round < 10 && done + 6000 < frame_count; round++) {
        snd_pcm_sframes_t written = snd_pcm_writei(pcm, wrong, 4000);
        HOLDS(written == 4000, "%ld", (long)written);
        snd_pcm_sframes_t possible = snd_pcm_rewindable(pcm);
        HOLDS(possible >= 4000, "%ld", (long)possible);
        HOLDS(snd_pcm_rewind(pcm, 4000) == 4000, "no rewind");
        write_all(done, done + 6000);
        done += 6000;
    }
    write_all(done, frame_count);
    finish();
}

// What is taken back right before the end is not heard, though nothing comes after it that would say so.
static void rewinds_to_drain(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 22050, 2205);
    thresholds(22050, 22050, 2205);
    write_all(0, frame_count);
    static int16_t wrong[2000 * 2];
    for (int i = 0; i < 2000 * 2; i++) wrong[i] = (int16_t)(5000 + i % 7);
    while (snd_pcm_avail(pcm) < 2000) MUST(snd_pcm_wait(pcm, 1000));
    HOLDS(snd_pcm_writei(pcm, wrong, 2000) == 2000, "not written");
    HOLDS(snd_pcm_rewind(pcm, 2000) == 2000, "no rewind");
    finish();
}

// What is skipped is silence, or what the buffer held; here the program fills it with what belongs there.
static void forwards(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 22050, 2205);
    thresholds(22050, 22050, 2205);
    write_all(0, 5000);
    HOLDS(snd_pcm_forwardable(pcm) == 22050 - 5000, "%ld", (long)snd_pcm_forwardable(pcm));
    HOLDS(snd_pcm_forward(pcm, 3000) == 3000, "no forward");
    HOLDS(snd_pcm_avail(pcm) == 22050 - 8000, "%ld", (long)snd_pcm_avail(pcm));
    HOLDS(snd_pcm_rewind(pcm, 3000) == 3000, "no way back");
    write_all(5000, frame_count);
    finish();
}

// An xrun is told when the buffer has run empty, and not before.
static void runs_dry(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 8820, 2205);
    write_all(0, 8820);
    double began = now();
    snd_pcm_sframes_t avail;
    while ((avail = snd_pcm_avail(pcm)) >= 0) {
        HOLDS(now() - began < 10, "no xrun");
        usleep(2000);
    }
    HOLDS(avail == -EPIPE, "%s", snd_strerror((int)avail));
    HOLDS(now() - began > 0.15, "an xrun after %f s of a buffer of 0.2 s", now() - began);
    HOLDS(snd_pcm_state(pcm) == SND_PCM_STATE_XRUN, "not in xrun");
    HOLDS(snd_pcm_writei(pcm, frames, 100) == -EPIPE, "written in xrun");
    MUST(snd_pcm_recover(pcm, -EPIPE, 1));
    write_all(8820, frame_count);
    finish();
}

// With a stop threshold beyond the buffer a stream runs on over an empty buffer and nothing is an error.
static void runs_on(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 8820, 2205);
    snd_pcm_sw_params_t *params;
    snd_pcm_uframes_t boundary;
    snd_pcm_sw_params_alloca(&params);
    MUST(snd_pcm_sw_params_current(pcm, params));
    MUST(snd_pcm_sw_params_get_boundary(params, &boundary));
    thresholds(1, boundary, 2205);
    write_all(0, 8820);
    usleep(500000);
    HOLDS(snd_pcm_state(pcm) == SND_PCM_STATE_RUNNING, "%s", snd_pcm_state_name(snd_pcm_state(pcm)));
    MUST(snd_pcm_avail(pcm));
    write_all(8820, frame_count);
    finish();
}

// The pointer goes forward, evenly, and the delay is never less than what lies in the buffer.
static void is_smooth(void) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 22050, 4410);
    thresholds(22050, 22050, 4410);
    write_all(0, 22050);
    snd_pcm_uframes_t done = 22050;
    snd_pcm_sframes_t last = 0;
    int steps = 0, still = 0;
    snd_pcm_sframes_t played = 0;
    usleep(200000);
    while (done < frame_count) {
        snd_pcm_sframes_t avail = snd_pcm_avail(pcm), delay;
        MUST(avail);
        MUST(snd_pcm_delay(pcm, &delay));
        HOLDS(delay >= 0 && delay <= 22050 + 44100, "a delay of %ld", (long)delay);
        played = (snd_pcm_sframes_t)done - 22050 + avail;
        HOLDS(played >= last, "back from %ld to %ld", (long)last, (long)played);
        steps++;
        if (played == last) still++;
        last = played;
        if (avail >= 4410) {
            write_all(done, done + 2205 < frame_count ? done + 2205 : frame_count);
            done += 2205;
        }
        usleep(5000);
    }
    // Without going on between periods, a period of 100 ms would let it stand at 19 of 20 looks.
    HOLDS(still * 2 < steps, "it stood still at %d of %d looks", still, steps);
    finish();
}

// Closed without being drained, when no more than `rest` frames are still to be heard.
static void leave(snd_pcm_sframes_t rest) {
    open_pcm(SND_PCM_STREAM_PLAYBACK, 0, SND_PCM_ACCESS_RW_INTERLEAVED, 22050, 4410);
    write_all(0, frame_count);
    snd_pcm_sframes_t delay;
    // An error is an xrun: all of it was heard before this program had its turn.
    while (!snd_pcm_delay(pcm, &delay) && delay > rest) usleep(1000);
    MUST(snd_pcm_close(pcm));
}

// As libao does it, which sleeps for what the delay says.
static void leaves_near_the_end(void) { leave(300); }

static void leaves_at_once(void) { leave(22050); }

int main(int argc, char **argv) {
    const struct {
        const char *name;
        void (*run)(void);
    } all[] = {
        {"noninterleaved", noninterleaved}, {"polled", polled},     {"starts", starts},     {"wakes", wakes},
        {"pauses", pauses},                 {"drops", drops},       {"rewinds", rewinds},   {"forwards", forwards},
        {"rewinds-to-drain", rewinds_to_drain},
        {"runs-dry", runs_dry},             {"runs-on", runs_on},   {"is-smooth", is_smooth},
        {"leaves-near-the-end", leaves_near_the_end},
        {"leaves-at-once", leaves_at_once},
    };
    if (argc != 3) return 2;
    read_file(argv[2]);
    if (!strcmp(argv[1], "mapped")) return mapped(SND_PCM_ACCESS_MMAP_INTERLEAVED), 0;
    if (!strcmp(argv[1], "mapped-noninterleaved")) return mapped(SND_PCM_ACCESS_MMAP_NONINTERLEAVED), 0;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (!strcmp(argv[1], all[i].name)) return all[i].run(), 0;
    return 2;
}
