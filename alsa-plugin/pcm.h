// The state of one PCM, shared by the files that make it up.
#ifndef MEDIAPOD_PCM_H
#define MEDIAPOD_PCM_H

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <sys/types.h>
#include <unistd.h>

#include "link.h"

struct mediapod_pcm {
    snd_pcm_ioplug_t io;
    struct link link;
    bool lingers; // what was written is heard to its end when the PCM is stopped
    pid_t owner; // the process that opened the PCM; a forked child has no thread and no broker
    struct sound_ring *ring;
    size_t ring_bytes;
    uint8_t *frames;
    uint32_t frame_bytes;
    uint64_t ring_frames;
    uint8_t positions[SOUND_MAX_CHANNELS];
    snd_pcm_uframes_t boundary;
    snd_pcm_uframes_t avail_min;
    snd_pcm_uframes_t stop_threshold;
    uint32_t epoch;
    uint64_t base; // position at which this epoch's run began
    uint64_t appl; // position up to which the program wrote or read; follows io.appl_ptr, unreduced
    snd_pcm_uframes_t seen_appl_ptr;
    uint64_t hw; // what the program is told; what stands while there is no broker
    uint64_t reported_hw; // the last position read from the broker
    uint64_t reported_ns; // when, CLOCK_MONOTONIC of this process
    uint64_t delay_ns;
};

static inline bool pcm_is_usable(const struct mediapod_pcm *pcm) {
    return pcm->ring && pcm->owner == getpid();
}

static inline bool pcm_plays(const struct mediapod_pcm *pcm) {
    return pcm->io.stream == SND_PCM_STREAM_PLAYBACK;
}

// setup.c: what hw_params may be, and what they were.

/// Makes the broker's offer what alsa-lib offers. 0 or -errno.
int pcm_constrain(struct mediapod_pcm *pcm);
int pcm_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params);
int pcm_hw_free(snd_pcm_ioplug_t *io);
int pcm_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params);
void pcm_release_ring(struct mediapod_pcm *pcm);

// chmap.c: which speaker each channel is for.

/// Fills in the speakers for `channels`: ALSA's usual ones, but the host's own for as many as it has.
void pcm_default_positions(const struct sound_welcome *offer, unsigned int channels, uint8_t *positions);
snd_pcm_chmap_query_t **pcm_query_chmaps(snd_pcm_ioplug_t *io);
snd_pcm_chmap_t *pcm_get_chmap(snd_pcm_ioplug_t *io);
int pcm_set_chmap(snd_pcm_ioplug_t *io, const snd_pcm_chmap_t *map);

#endif
