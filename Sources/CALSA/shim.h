#pragma once
#include <alsa/asoundlib.h>

/// Says nothing: errors are told by whoever asked, in one line, not by the library on standard error.
__attribute__((format(printf, 5, 6))) static inline void calsa_say_nothing(
    const char *file, int line, const char *function, int error, const char *format, ...) {
    (void)file, (void)line, (void)function, (void)error, (void)format;
}

/// Here, because Swift has no variadic functions of C's kind.
static inline void calsa_be_quiet(void) { snd_lib_error_set_handler(calsa_say_nothing); }

/// Here, because Swift does not see arrays without a length. `channel` is less than `map->channels`.
static inline unsigned int calsa_chmap_position(const snd_pcm_chmap_t *map, unsigned int channel) {
    return map->pos[channel];
}
