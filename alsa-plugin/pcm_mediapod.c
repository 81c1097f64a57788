// The ALSA PCM of a pod: an ioplug that writes into a ring which the sound broker on the host reads.
//
// alsa-lib calls start, stop, pointer, transfer and pause with the PCM locked, and prepare, drain, sw_params
// and the poll callbacks without; nothing here calls back into a locked PCM.
#include "link.h"

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char default_socket[] = "/run/mediapod/sound";

// A broker that is being restarted, or a session that is being resumed, is back long before this.
enum { OPEN_TIMEOUT_MS = 10000 };
enum { MIN_PERIOD_BYTES = 256, MAX_PERIOD_BYTES = 1 << 20, MAX_BUFFER_BYTES = 4 << 20, MAX_PERIODS = 1024 };

struct mediapod_pcm {
    snd_pcm_ioplug_t io;
    struct link link;
    pid_t owner; // the process that opened the PCM; a forked child has no thread and no broker
    struct sound_ring *ring;
    size_t ring_bytes;
    uint8_t *frames;
    uint32_t frame_bytes;
    uint64_t ring_frames;
    snd_pcm_uframes_t boundary;
    snd_pcm_uframes_t avail_min;
    snd_pcm_uframes_t stop_threshold;
    uint32_t epoch;
    uint64_t base; // position at which this epoch's run began
    uint64_t appl; // position up to which the program wrote; follows io.appl_ptr, unreduced
    snd_pcm_uframes_t seen_appl_ptr;
    uint64_t hw; // the last position read; what stands while there is no broker
    uint64_t delay_ns;
};

static bool usable(const struct mediapod_pcm *pcm) {
    return pcm->ring && pcm->owner == getpid();
}

// The program moves io.appl_ptr (also back, by rewind); ours is the same, without the boundary.
static void follow_appl(struct mediapod_pcm *pcm) {
    snd_pcm_uframes_t now = pcm->io.appl_ptr;
    if (now == pcm->seen_appl_ptr) return;
    snd_pcm_uframes_t ahead = now > pcm->seen_appl_ptr ? now - pcm->seen_appl_ptr
                                                       : now + pcm->boundary - pcm->seen_appl_ptr;
    if (pcm->boundary && ahead > pcm->boundary / 2) pcm->appl -= pcm->boundary - ahead;
    else pcm->appl += ahead;
    pcm->seen_appl_ptr = now;
}

static void publish_appl(struct mediapod_pcm *pcm) {
    if (sound_ring_publish_appl(pcm->ring, pcm->appl)) link_kick(&pcm->link);
}

// Takes over what the broker published, as far as it belongs to this run. The pointer never goes back.
static void follow_hw(struct mediapod_pcm *pcm) {
    struct sound_position position;
    if (!sound_ring_read_position(pcm->ring, &position) || position.epoch != pcm->epoch) return;
    if (position.hw > pcm->hw && position.hw <= pcm->appl) pcm->hw = position.hw;
    pcm->delay_ns = position.delay_ns;
}

static snd_pcm_uframes_t available(const struct mediapod_pcm *pcm) {
    uint64_t queued = pcm->appl - pcm->hw;
    return queued < pcm->io.buffer_size ? pcm->io.buffer_size - (snd_pcm_uframes_t)queued : 0;
}

static int mediapod_start(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    link_trigger(&pcm->link, SOUND_STATE_RUNNING, pcm->epoch, pcm->base);
    return 0;
}

static int mediapod_stop(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    link_trigger(&pcm->link, SOUND_STATE_SETUP, pcm->epoch, pcm->base);
    return 0;
}

static int mediapod_pause(snd_pcm_ioplug_t *io, int enable) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    link_trigger(&pcm->link, enable ? SOUND_STATE_PAUSED : SOUND_STATE_RUNNING, pcm->epoch, pcm->base);
    return 0;
}

static int mediapod_prepare(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    pcm->epoch++;
    pcm->base = pcm->hw = pcm->appl;
    pcm->seen_appl_ptr = 0;
    link_trigger(&pcm->link, SOUND_STATE_PREPARED, pcm->epoch, pcm->base);
    link_wake(&pcm->link); // the buffer is empty: there is room
    return 0;
}

static snd_pcm_sframes_t mediapod_pointer(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    follow_appl(pcm);
    if (pcm->appl != sound_ring_appl(pcm->ring)) publish_appl(pcm);
    follow_hw(pcm);
    // A negative pointer is an xrun to alsa-lib whatever the number says.
    if (io->state == SND_PCM_STATE_RUNNING && available(pcm) >= pcm->stop_threshold) return -EPIPE;
    uint64_t run = pcm->hw - pcm->base;
    return (snd_pcm_sframes_t)(pcm->boundary ? run % pcm->boundary : run);
}

static int mediapod_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *delay) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    snd_pcm_sframes_t pointer = mediapod_pointer(io);
    if (pointer < 0) return (int)pointer;
    *delay = (snd_pcm_sframes_t)(pcm->appl - pcm->hw);
    if (io->state == SND_PCM_STATE_RUNNING || io->state == SND_PCM_STATE_DRAINING)
        *delay += (snd_pcm_sframes_t)(pcm->delay_ns * io->rate / 1000000000u);
    return 0;
}

static snd_pcm_sframes_t mediapod_transfer(
    snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, snd_pcm_uframes_t size) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    follow_appl(pcm);
    const unsigned int frame_bits = pcm->frame_bytes * 8;
    const uint8_t *source = (const uint8_t *)areas->addr + areas->first / 8 + (size_t)offset * pcm->frame_bytes;
    if (areas->step != frame_bits || areas->first % 8) return -EINVAL; // only interleaved access is offered
    for (snd_pcm_uframes_t done = 0; done < size;) {
        uint64_t at = (pcm->appl + done) % pcm->ring_frames;
        uint64_t count = pcm->ring_frames - at;
        if (count > size - done) count = size - done;
        memcpy(pcm->frames + at * pcm->frame_bytes, source + done * pcm->frame_bytes, count * pcm->frame_bytes);
        done += count;
    }
    pcm->appl += size;
    // alsa-lib moves its own pointer after this returns.
    pcm->seen_appl_ptr += size;
    if (pcm->boundary && pcm->seen_appl_ptr >= pcm->boundary) pcm->seen_appl_ptr -= pcm->boundary;
    publish_appl(pcm);
    if (available(pcm) < pcm->avail_min) link_clear_wake(&pcm->link);
    return (snd_pcm_sframes_t)size;
}

static int mediapod_drain(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    link_trigger(&pcm->link, SOUND_STATE_DRAINING, pcm->epoch, pcm->base);
    for (;;) {
        link_clear_wake(&pcm->link);
        follow_hw(pcm);
        // While draining, the broker lets the pointer reach the end only when the last frame was heard.
        if (pcm->hw == pcm->appl) return 0;
        if (io->nonblock) return -EAGAIN; // also how snd_pcm_abort ends a wait
        if (io->state != SND_PCM_STATE_DRAINING) return 0;
        struct pollfd polled = {.fd = pcm->link.wake_reader, .events = POLLIN};
        if (poll(&polled, 1, -1) < 0 && errno != EINTR) return -errno;
    }
}

static int mediapod_poll_revents(
    snd_pcm_ioplug_t *io, struct pollfd *polled, unsigned int count, unsigned short *revents) {
    struct mediapod_pcm *pcm = io->private_data;
    if (count != 1) return -EINVAL;
    if (!usable(pcm)) {
        *revents = POLLERR;
        return 0;
    }
    *revents = polled->revents & (POLLERR | POLLNVAL);
    follow_hw(pcm);
    switch (io->state) {
    case SND_PCM_STATE_RUNNING:
    case SND_PCM_STATE_PREPARED:
        // An xrun too is room: alsa-lib learns of it from the pointer, and an error without one is EIO to it.
        if (available(pcm) >= pcm->avail_min) {
            *revents |= POLLOUT;
        } else {
            link_clear_wake(&pcm->link);
            // What was published between looking and clearing has lost its wake-up.
            follow_hw(pcm);
            if (available(pcm) >= pcm->avail_min) link_wake(&pcm->link);
        }
        break;
    case SND_PCM_STATE_DRAINING:
        *revents |= POLLOUT;
        break;
    case SND_PCM_STATE_PAUSED:
        link_clear_wake(&pcm->link);
        break;
    default:
        *revents |= POLLOUT | POLLERR;
    }
    return 0;
}

static void release_ring(struct mediapod_pcm *pcm) {
    if (pcm->ring) munmap(pcm->ring, pcm->ring_bytes);
    pcm->ring = NULL;
}

// A memfd that can change its size no more, so that the broker may read it without fear of SIGBUS.
static int make_ring(struct mediapod_pcm *pcm, int *memory) {
    snd_pcm_ioplug_t *io = &pcm->io;
    pcm->frame_bytes = (uint32_t)(snd_pcm_format_physical_width(io->format) / 8) * io->channels;
    pcm->ring_frames = io->buffer_size + (uint64_t)io->rate * SOUND_GIVE_BACK_SECONDS + SOUND_PREROLL_FRAMES;
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
    pcm->ring->appl = pcm->ring->hw = pcm->ring->played = pcm->appl;
    pcm->ring->epoch = pcm->epoch;
    pcm->frames = (uint8_t *)memory_map + SOUND_RING_HEADER_BYTES;
    *memory = fd;
    return 0;
}

static int mediapod_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params) {
    (void)params;
    struct mediapod_pcm *pcm = io->private_data;
    if (pcm->owner != getpid()) return -ENODEV;
    release_ring(pcm);
    int memory = -1;
    int error = make_ring(pcm, &memory);
    if (error < 0) return error;
    struct sound_configure configure = {
        .access = (uint32_t)io->access,
        .format = (uint32_t)io->format,
        .rate = io->rate,
        .channels = io->channels,
        .period_frames = io->period_size,
        .buffer_frames = io->buffer_size,
        .ring_frames = pcm->ring_frames,
        .sw = {.avail_min = io->period_size, .start_threshold = 1, .stop_threshold = io->buffer_size},
    };
    pcm->avail_min = io->period_size;
    pcm->stop_threshold = io->buffer_size;
    pcm->boundary = 0;
    link_configure(&pcm->link, &configure, memory);
    return 0;
}

static int mediapod_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!usable(pcm)) return -ENODEV;
    snd_pcm_uframes_t start = 0, stop = 0, avail_min = 0, boundary = 0;
    snd_pcm_sw_params_get_start_threshold(params, &start);
    snd_pcm_sw_params_get_stop_threshold(params, &stop);
    snd_pcm_sw_params_get_avail_min(params, &avail_min);
    snd_pcm_sw_params_get_boundary(params, &boundary);
    pcm->boundary = boundary;
    // A threshold beyond the buffer means that the stream never stops by itself.
    pcm->stop_threshold = stop;
    // More than the buffer can never be free: the program would sleep for ever.
    pcm->avail_min = avail_min < io->buffer_size ? avail_min : io->buffer_size;
    struct sound_sw_params sw = {.avail_min = avail_min, .start_threshold = start, .stop_threshold = stop};
    link_sw_params(&pcm->link, &sw);
    return 0;
}

static int mediapod_close(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (pcm->owner == getpid()) link_close(&pcm->link);
    else link_abandon(&pcm->link);
    release_ring(pcm);
    free(pcm);
    return 0;
}

static void mediapod_dump(snd_pcm_ioplug_t *io, snd_output_t *output) {
    struct mediapod_pcm *pcm = io->private_data;
    snd_output_printf(output, "MediaPod PCM, broker at %s\n", pcm->link.address.sun_path);
    if (!pcm->ring) return;
    snd_output_printf(output, "Its setup is:\n");
    snd_pcm_dump_setup(io->pcm, output);
}

static snd_pcm_chmap_t *stereo_map(size_t before, snd_pcm_chmap_t **map) {
    void *memory = calloc(1, before + sizeof(snd_pcm_chmap_t) + 2 * sizeof(unsigned int));
    if (!memory) return NULL;
    *map = (snd_pcm_chmap_t *)((char *)memory + before);
    (*map)->channels = 2;
    (*map)->pos[0] = SND_CHMAP_FL;
    (*map)->pos[1] = SND_CHMAP_FR;
    return memory;
}

static snd_pcm_chmap_query_t **mediapod_query_chmaps(snd_pcm_ioplug_t *io) {
    (void)io;
    snd_pcm_chmap_query_t **list = calloc(2, sizeof *list);
    if (!list) return NULL;
    snd_pcm_chmap_t *map;
    list[0] = (snd_pcm_chmap_query_t *)stereo_map(offsetof(snd_pcm_chmap_query_t, map), &map);
    if (!list[0]) {
        free(list);
        return NULL;
    }
    list[0]->type = SND_CHMAP_TYPE_FIXED;
    return list;
}

static snd_pcm_chmap_t *mediapod_get_chmap(snd_pcm_ioplug_t *io) {
    (void)io;
    snd_pcm_chmap_t *map;
    return stereo_map(0, &map);
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = mediapod_start,
    .stop = mediapod_stop,
    .pointer = mediapod_pointer,
    .transfer = mediapod_transfer,
    .close = mediapod_close,
    .hw_params = mediapod_hw_params,
    .sw_params = mediapod_sw_params,
    .prepare = mediapod_prepare,
    .drain = mediapod_drain,
    .pause = mediapod_pause,
    .poll_revents = mediapod_poll_revents,
    .dump = mediapod_dump,
    .delay = mediapod_delay,
    .query_chmaps = mediapod_query_chmaps,
    .get_chmap = mediapod_get_chmap,
};

// What hw_params may be: the broker's word.
static int constrain(struct mediapod_pcm *pcm) {
    static const unsigned int accesses[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
    const struct sound_welcome *welcome = &pcm->link.welcome;
    if (welcome->rate_count == 0 || welcome->rate_count > SOUND_MAX_RATES) return -EPROTO;
    unsigned int formats[64], format_count = 0;
    for (unsigned int format = 0; format < 64; format++)
        if (format == SOUND_FORMAT_S16_LE && welcome->formats >> format & 1) formats[format_count++] = format;
    if (format_count == 0) return -EPROTO;
    snd_pcm_ioplug_t *io = &pcm->io;
    int error;
    if ((error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, accesses)) < 0 ||
        (error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, format_count, formats)) < 0 ||
        (error = snd_pcm_ioplug_set_param_minmax(
             io, SND_PCM_IOPLUG_HW_CHANNELS, welcome->channels_min, welcome->channels_max)) < 0 ||
        (error = snd_pcm_ioplug_set_param_list(
             io, SND_PCM_IOPLUG_HW_RATE, welcome->rate_count, welcome->rates)) < 0 ||
        (error = snd_pcm_ioplug_set_param_minmax(
             io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, MIN_PERIOD_BYTES, MAX_PERIOD_BYTES)) < 0 ||
        (error = snd_pcm_ioplug_set_param_minmax(
             io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 2 * MIN_PERIOD_BYTES, MAX_BUFFER_BYTES)) < 0)
        return error;
    return snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, MAX_PERIODS);
}

static int read_configuration(snd_config_t *configuration, const char **path) {
    snd_config_iterator_t i, next;
    snd_config_for_each(i, next, configuration) {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id;
        if (snd_config_get_id(entry, &id) < 0) continue;
        if (!strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint")) continue;
        if (!strcmp(id, "socket")) {
            if (snd_config_get_string(entry, path) < 0) {
                SNDERR("mediapod: 'socket' must be a string, the path of the broker's socket");
                return -EINVAL;
            }
            continue;
        }
        SNDERR("mediapod: unknown field %s; there is only 'socket'", id);
        return -EINVAL;
    }
    return 0;
}

// The two symbols that alsa-lib looks for; everything else is hidden from the program.
#pragma GCC visibility push(default)
SND_PCM_PLUGIN_DEFINE_FUNC(mediapod) {
    (void)root;
    const char *path = default_socket;
    int error = read_configuration(conf, &path);
    if (error < 0) return error;
    if (stream != SND_PCM_STREAM_PLAYBACK) {
        SNDERR("mediapod: this PCM plays only");
        return -EINVAL;
    }
    struct mediapod_pcm *pcm = calloc(1, sizeof *pcm);
    if (!pcm) return -ENOMEM;
    error = link_open(&pcm->link, path, SOUND_PLAYBACK, OPEN_TIMEOUT_MS);
    if (error < 0) {
        SNDERR("mediapod: no sound broker at %s: %s", path,
               pcm->link.refused ? pcm->link.refusal : snd_strerror(error));
        free(pcm);
        return error;
    }
    pcm->owner = getpid();
    pcm->io = (snd_pcm_ioplug_t){
        .version = SND_PCM_IOPLUG_VERSION,
        .name = "MediaPod",
        .flags = SND_PCM_IOPLUG_FLAG_BOUNDARY_WA | SND_PCM_IOPLUG_FLAG_MONOTONIC,
        .poll_fd = pcm->link.wake_reader,
        .poll_events = POLLIN,
        .callback = &callbacks,
        .private_data = pcm,
    };
    error = snd_pcm_ioplug_create(&pcm->io, name, stream, mode);
    if (error < 0) {
        link_close(&pcm->link);
        free(pcm);
        return error;
    }
    error = constrain(pcm);
    if (error < 0) {
        snd_pcm_ioplug_delete(&pcm->io); // closes the link and frees the PCM
        return error;
    }
    *pcmp = pcm->io.pcm;
    return 0;
}

SND_PCM_PLUGIN_SYMBOL(mediapod);
#pragma GCC visibility pop
