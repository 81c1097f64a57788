// What the programs of the matrix share: a file of raw stereo frames, 16 bits, the machine's byte order.
#ifndef SOUND_FILE_H
#define SOUND_FILE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE = 44100, CHANNELS = 2 };

struct sound_file {
    int16_t *samples; // interleaved
    size_t frames;
    size_t played;
};

static inline void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static inline struct sound_file read_sound(const char *path) {
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file || fseek(file, 0, SEEK_END)) fail("cannot read", path ? path : "no file: give one");
    long bytes = ftell(file);
    rewind(file);
    struct sound_file sound;
    memset(&sound, 0, sizeof sound);
    sound.frames = bytes > 0 ? (size_t)bytes / (CHANNELS * sizeof(int16_t)) : 0;
    sound.samples = (int16_t *)malloc(sound.frames * CHANNELS * sizeof(int16_t) + 1);
    if (!sound.samples || fread(sound.samples, CHANNELS * sizeof(int16_t), sound.frames, file) != sound.frames)
        fail("cannot read all of", path);
    fclose(file);
    return sound;
}

/// The next `frames` frames to `target`; silence beyond the end. How many were not silence.
static inline size_t next_frames(struct sound_file *sound, int16_t *target, size_t frames) {
    size_t left = sound->frames - sound->played;
    size_t count = frames < left ? frames : left;
    memcpy(target, sound->samples + sound->played * CHANNELS, count * CHANNELS * sizeof(int16_t));
    memset(target + count * CHANNELS, 0, (frames - count) * CHANNELS * sizeof(int16_t));
    sound->played += count;
    return count;
}

#endif
