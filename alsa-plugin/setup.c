// hw_params and sw_params: what the broker offers, the ring that follows from what the program chose, and what the
// broker is told of it.
#include "pcm.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

enum { MIN_PERIOD_BYTES = 256, MAX_PERIOD_BYTES = 2 << 20, MAX_BUFFER_BYTES = 16 << 20, MAX_PERIODS = 1024 };

static const unsigned int known_formats[] = {
    SOUND_FORMAT_S16_LE, SOUND_FORMAT_S24_LE, SOUND_FORMAT_S24_3LE, SOUND_FORMAT_S32_LE, SOUND_FORMAT_FLOAT_LE,
};

int pcm_constrain(struct mediapod_pcm *pcm) {
    static const unsigned int accesses[] = {
        SND_PCM_ACCESS_RW_INTERLEAVED,
        SND_PCM_ACCESS_RW_NONINTERLEAVED,
        SND_PCM_ACCESS_MMAP_INTERLEAVED,
        SND_PCM_ACCESS_MMAP_NONINTERLEAVED,
    };
    const struct sound_welcome offer = link_offer(&pcm->link);
    if (offer.rate_count == 0 || offer.rate_count > SOUND_MAX_RATES || offer.channels_min == 0 ||
        offer.channels_max < offer.channels_min || offer.channels_max > SOUND_MAX_CHANNELS)
        return -EPROTO;
    unsigned int formats[sizeof known_formats / sizeof known_formats[0]], format_count = 0;
    for (size_t i = 0; i < sizeof known_formats / sizeof known_formats[0]; i++)
        if (offer.formats >> known_formats[i] & 1) formats[format_count++] = known_formats[i];
    if (format_count == 0) return -EPROTO;
    snd_pcm_ioplug_t *io = &pcm->io;
    int error;
    if ((error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 4, accesses)) < 0 ||
        (error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, format_count, formats)) < 0 ||
        (error = snd_pcm_ioplug_set_param_minmax(
             io, SND_PCM_IOPLUG_HW_CHANNELS, offer.channels_min, offer.channels_max)) < 0 ||
        (error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_RATE, offer.rate_count, offer.rates)) < 0 ||
        (error = snd_pcm_ioplug_set_param_minmax(
             io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, MIN_PERIOD_BYTES, MAX_PERIOD_BYTES)) < 0 ||
        (error = snd_pcm_ioplug_set_param_minmax(
             io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 2 * MIN_PERIOD_BYTES, MAX_BUFFER_BYTES)) < 0)
        return error;
    return snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, MAX_PERIODS);
}

void pcm_release_ring(struct mediapod_pcm *pcm) {
    if (pcm->ring) munmap(pcm->ring, pcm->ring_bytes);
    pcm->ring = NULL;
}

// A memfd that can change its size no more, so that the broker may use it without fear of SIGBUS.
static int make_ring(struct mediapod_pcm *pcm, int *memory) {
    snd_pcm_ioplug_t *io = &pcm->io;
    pcm->frame_bytes = (uint32_t)(snd_pcm_format_physical_width(io->format) / 8) * io->channels;
    pcm->ring_frames = io->buffer_size;
    if (pcm_plays(pcm)) pcm->ring_frames += (uint64_t)io->rate * SOUND_GIVE_BACK_SECONDS + SOUND_PREROLL_FRAMES;
    pcm->ring_bytes = SOUND_RING_HEADER_BYTES + pcm->ring_frames * pcm->frame_bytes;
    if (pcm->ring_bytes > SOUND_RING_MAX_BYTES) return -EINVAL;
    int fd = memfd_create("mediapod-pcm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    void *memory_map = MAP_FAILED;
    if (ftruncate(fd, (off_t)pcm->ring_bytes) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0 ||
        (memory_map = mmap(NULL, pcm->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
        int error = -errno;
        close(fd);
        return error;
    }
    pcm->ring = memory_map;
    pcm->ring->magic = SOUND_ABI_MAGIC;
    pcm->ring->version = SOUND_ABI_VERSION;
    pcm->ring->ring_frames = pcm->ring_frames;
    pcm->ring->frame_bytes = pcm->frame_bytes;
    // Positions go on from where the PCM's previous configuration left them.
    uint64_t reached = pcm->appl > pcm->hw ? pcm->appl : pcm->hw;
    pcm->appl = pcm->hw = pcm->reported_hw = pcm->base = reached;
    pcm->ring->appl = pcm->ring->hw = pcm->ring->played = reached;
    pcm->ring->epoch = pcm->epoch;
    pcm->frames = (uint8_t *)memory_map + SOUND_RING_HEADER_BYTES;
    *memory = fd;
    return 0;
}

int pcm_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params) {
    (void)params;
    struct mediapod_pcm *pcm = io->private_data;
    if (pcm->owner != getpid()) return -ENODEV;
    pcm_release_ring(pcm);
    int memory = -1;
    int error = make_ring(pcm, &memory);
    if (error < 0) return error;
    const struct sound_welcome offer = link_offer(&pcm->link);
    pcm_default_positions(&offer, io->channels, pcm->positions);
    struct sound_configure configure = {
        .access = (uint32_t)io->access,
        .format = (uint32_t)io->format,
        .rate = io->rate,
        .channels = io->channels,
        .period_frames = io->period_size,
        .buffer_frames = io->buffer_size,
        .ring_frames = pcm->ring_frames,
        // What alsa-lib sets until the program calls sw_params.
        .sw = {.avail_min = io->period_size, .start_threshold = 1, .stop_threshold = io->buffer_size},
    };
    memcpy(configure.positions, pcm->positions, sizeof configure.positions);
    pcm->avail_min = io->period_size;
    pcm->stop_threshold = io->buffer_size;
    pcm->boundary = 0;
    link_configure(&pcm->link, &configure, memory);
    return 0;
}

int pcm_hw_free(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (pcm->owner != getpid()) return 0;
    // The next hw_params are bound by what the broker offers by then.
    return pcm_constrain(pcm);
}

int pcm_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
    snd_pcm_uframes_t start = 0, stop = 0, avail_min = 0, boundary = 0, silence_threshold = 0, silence_size = 0;
    snd_pcm_sw_params_get_start_threshold(params, &start);
    snd_pcm_sw_params_get_stop_threshold(params, &stop);
    snd_pcm_sw_params_get_avail_min(params, &avail_min);
    snd_pcm_sw_params_get_boundary(params, &boundary);
    snd_pcm_sw_params_get_silence_threshold(params, &silence_threshold);
    snd_pcm_sw_params_get_silence_size(params, &silence_size);
    pcm->boundary = boundary;
    // A threshold beyond the buffer means that the stream never stops by itself.
    pcm->stop_threshold = stop;
    // More than the buffer can never be free: the program would sleep for ever.
    pcm->avail_min = avail_min < io->buffer_size ? avail_min : io->buffer_size;
    struct sound_sw_params sw = {
        .avail_min = avail_min,
        .start_threshold = start,
        .stop_threshold = stop,
        .silence_threshold = silence_threshold,
        .silence_size = silence_size,
        .boundary = boundary,
    };
    link_sw_params(&pcm->link, &sw);
    return 0;
}
