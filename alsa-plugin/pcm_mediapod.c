// The ALSA PCM of a pod: an ioplug that shares a ring of frames with the sound broker on the host, which plays what
// the program writes there, or writes what the program reads.
//
// alsa-lib calls start, stop, pointer, transfer and pause with the PCM locked, and prepare, drain, sw_params
// and the poll callbacks without; nothing here calls back into a locked PCM.
#include "configure.h"
#include "pcm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

// ms. A PCM that lingers does not wait for a sink that has not moved for LINGER_MS. Any other's stop waits for the end of
// what is at most NEAR_MS from it by the pointer, and LATE_MS for a sink that does not move.
enum { LINGER_MS = 2000, NEAR_MS = 10, LATE_MS = 100 };

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// The program moves io.appl_ptr (also back, by rewind); ours is the same, without the boundary.
static void follow_appl(struct mediapod_pcm *pcm) {
    snd_pcm_uframes_t now = pcm->io.appl_ptr;
    if (now == pcm->seen_appl_ptr) return;
    snd_pcm_uframes_t ahead = now > pcm->seen_appl_ptr ? now - pcm->seen_appl_ptr
                                                       : now + pcm->boundary - pcm->seen_appl_ptr;
    bool is_back = pcm->boundary && ahead > pcm->boundary / 2;
    if (is_back) pcm->appl -= pcm->boundary - ahead;
    else pcm->appl += ahead;
    pcm->seen_appl_ptr = now;
    // What is behind the pointer has been heard; a program that goes back there comes too late for it.
    if (pcm_plays(pcm) && pcm->appl < pcm->hw) pcm->appl = pcm->hw;
    if (!is_back) return;
    sound_ring_publish_appl(pcm->ring, pcm->appl);
    if (pcm_plays(pcm)) link_rewind(&pcm->link, pcm->appl);
}

static void publish_appl(struct mediapod_pcm *pcm) {
    if (sound_ring_publish_appl(pcm->ring, pcm->appl)) link_kick(&pcm->link);
}

// Takes over what the broker published, as far as it belongs to this run. The pointer never goes back.
static void follow_hw(struct mediapod_pcm *pcm) {
    struct sound_position position;
    if (sound_ring_read_position(pcm->ring, &position) && position.epoch == pcm->epoch) {
        bool makes_sense = pcm_plays(pcm) ? position.hw <= pcm->appl
                                          : position.hw >= pcm->appl && position.hw - pcm->appl <= pcm->ring_frames;
        if (makes_sense && position.hw > pcm->reported_hw) {
            pcm->reported_hw = position.hw;
            pcm->reported_ns = now_ns();
        }
        if (makes_sense && position.hw > pcm->hw) pcm->hw = position.hw;
        pcm->delay_ns = position.delay_ns;
    }
    // Sinks read a period at a time. In between, the pointer goes on as a card's would, by at most a period and never
    // to the end of what was written: that only the broker can say. Frames are safe in the ring for longer than this.
    if (!pcm_plays(pcm) || pcm->io.state != SND_PCM_STATE_RUNNING || pcm->reported_hw == pcm->base) return;
    uint64_t elapsed = (now_ns() - pcm->reported_ns) * pcm->io.rate / 1000000000u;
    if (elapsed > pcm->io.period_size) elapsed = pcm->io.period_size;
    uint64_t reached = pcm->reported_hw + elapsed;
    if (pcm->appl > pcm->hw && reached >= pcm->appl) reached = pcm->appl - 1;
    if (reached > pcm->hw && reached < pcm->appl) pcm->hw = reached;
}

// Frames that the program may write, or read. Beyond the buffer only where a stream runs on over an xrun.
static snd_pcm_uframes_t available(const struct mediapod_pcm *pcm) {
    if (!pcm_plays(pcm)) return pcm->hw > pcm->appl ? (snd_pcm_uframes_t)(pcm->hw - pcm->appl) : 0;
    uint64_t queued = pcm->appl - pcm->hw;
    return queued < pcm->io.buffer_size ? pcm->io.buffer_size - (snd_pcm_uframes_t)queued : 0;
}

static int mediapod_start(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
    link_trigger(&pcm->link, SOUND_STATE_RUNNING, pcm->epoch, pcm->base);
    return 0;
}

// Waits until what was written has been heard, or the sink has not moved for `patience` ms.
static void linger(struct mediapod_pcm *pcm, int patience) {
    follow_appl(pcm);
    publish_appl(pcm);
    link_trigger(&pcm->link, SOUND_STATE_DRAINING, pcm->epoch, pcm->base);
    for (uint64_t reached = pcm->reported_hw;; reached = pcm->reported_hw) {
        link_clear_wake(&pcm->link);
        follow_hw(pcm);
        if (pcm->hw == pcm->appl) return;
        struct pollfd polled = {.fd = pcm->link.wake_reader, .events = POLLIN};
        if (poll(&polled, 1, patience) == 0 && pcm->reported_hw == reached) return;
    }
}

// Closing a PCM is a stop, too, and what is still queued is not heard. That is not what these want:
// - A PCM that is to linger: PulseAudio says that a stream is over, and closes, when the last frame is in the buffer of a
//   PCM that it cannot rewind.
// - A program that has slept for what snd_pcm_delay told it (libao's): by the pointer, which goes on between what the sink
//   says, nothing is left, and of a sink that is a little late a period may be.
static void finish_what_ends(struct mediapod_pcm *pcm) {
    if (!pcm_plays(pcm) || pcm->io.state != SND_PCM_STATE_RUNNING) return;
    if (pcm->lingers) return linger(pcm, LINGER_MS);
    follow_appl(pcm);
    follow_hw(pcm);
    if (!pcm->io.nonblock && pcm->appl - pcm->hw <= pcm->io.rate / 1000u * NEAR_MS) linger(pcm, LATE_MS);
}

static int mediapod_stop(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
    finish_what_ends(pcm);
    link_trigger(&pcm->link, SOUND_STATE_SETUP, pcm->epoch, pcm->base);
    return 0;
}

static int mediapod_pause(snd_pcm_ioplug_t *io, int enable) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
    // The time that passes in between moves nothing.
    pcm->reported_ns = now_ns();
    link_trigger(&pcm->link, enable ? SOUND_STATE_PAUSED : SOUND_STATE_RUNNING, pcm->epoch, pcm->base);
    return 0;
}

static int mediapod_prepare(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
    pcm->epoch++;
    if (pcm->hw > pcm->appl) pcm->appl = pcm->hw; // of a capture: what was not read is void
    pcm->base = pcm->hw = pcm->reported_hw = pcm->appl;
    pcm->seen_appl_ptr = 0;
    sound_ring_publish_appl(pcm->ring, pcm->appl);
    link_trigger(&pcm->link, SOUND_STATE_PREPARED, pcm->epoch, pcm->base);
    if (pcm_plays(pcm)) link_wake(&pcm->link); // the buffer is empty: there is room
    else link_clear_wake(&pcm->link);
    return 0;
}

static snd_pcm_sframes_t mediapod_pointer(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
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
    if (!pcm_is_usable(pcm)) return -ENODEV;
    snd_pcm_sframes_t pointer = mediapod_pointer(io);
    if (pointer < 0) return (int)pointer;
    *delay = pcm_plays(pcm) ? (snd_pcm_sframes_t)(pcm->appl - pcm->hw) : (snd_pcm_sframes_t)(pcm->hw - pcm->appl);
    if (io->state == SND_PCM_STATE_RUNNING || io->state == SND_PCM_STATE_DRAINING)
        *delay += (snd_pcm_sframes_t)(pcm->delay_ns * io->rate / 1000000000u);
    return 0;
}

// Copies between the program's areas and the ring, from `position` on, to the ring or from it.
static void copy_frames(
    struct mediapod_pcm *pcm, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, uint64_t position,
    snd_pcm_uframes_t size, bool to_ring) {
    const unsigned int channels = pcm->io.channels;
    const size_t sample_bytes = pcm->frame_bytes / channels;
    bool is_interleaved = true;
    for (unsigned int channel = 0; channel < channels; channel++)
        is_interleaved &= areas[channel].addr == areas[0].addr && areas[channel].step == pcm->frame_bytes * 8 &&
                          areas[channel].first == areas[0].first + channel * sample_bytes * 8;
    for (snd_pcm_uframes_t done = 0; done < size;) {
        uint64_t at = (position + done) % pcm->ring_frames;
        uint64_t count = pcm->ring_frames - at;
        if (count > size - done) count = size - done;
        uint8_t *ring = pcm->frames + at * pcm->frame_bytes;
        if (is_interleaved) {
            uint8_t *program = (uint8_t *)areas->addr + areas->first / 8 + (size_t)(offset + done) * pcm->frame_bytes;
            memcpy(to_ring ? ring : program, to_ring ? program : ring, count * pcm->frame_bytes);
        } else {
            for (unsigned int channel = 0; channel < channels; channel++) {
                const snd_pcm_channel_area_t *area = &areas[channel];
                const size_t step = area->step / 8;
                uint8_t *program = (uint8_t *)area->addr + area->first / 8 + (size_t)(offset + done) * step;
                uint8_t *sample = ring + channel * sample_bytes;
                for (uint64_t i = 0; i < count; i++, program += step, sample += pcm->frame_bytes)
                    memcpy(to_ring ? sample : program, to_ring ? program : sample, sample_bytes);
            }
        }
        done += count;
    }
}

static snd_pcm_sframes_t mediapod_transfer(
    snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, snd_pcm_uframes_t size) {
    struct mediapod_pcm *pcm = io->private_data;
    if (!pcm_is_usable(pcm)) return -ENODEV;
    follow_appl(pcm);
    copy_frames(pcm, areas, offset, pcm->appl, size, pcm_plays(pcm));
    // Of a capture, alsa-lib asks for the same frames again where it is mmapped, and moves its pointer when the program
    // is done with them.
    if (!pcm_plays(pcm)) return (snd_pcm_sframes_t)size;
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
    if (!pcm_is_usable(pcm)) return -ENODEV;
    // What was captured stays to be read: alsa-lib stops the stream, and nothing has to be waited for.
    if (!pcm_plays(pcm)) return 0;
    // alsa-lib has moved nothing but its own pointer when the program went back just before.
    follow_appl(pcm);
    publish_appl(pcm);
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
    if (!pcm_is_usable(pcm)) {
        *revents = POLLERR;
        return 0;
    }
    const unsigned short ready = pcm_plays(pcm) ? POLLOUT : POLLIN;
    *revents = polled->revents & (POLLERR | POLLNVAL);
    follow_appl(pcm);
    follow_hw(pcm);
    switch (io->state) {
    case SND_PCM_STATE_RUNNING:
    case SND_PCM_STATE_PREPARED:
        // An xrun too is room: alsa-lib learns of it from the pointer, and an error without one is EIO to it.
        if (available(pcm) >= pcm->avail_min) {
            *revents |= ready;
        } else {
            link_clear_wake(&pcm->link);
            // What was published between looking and clearing has lost its wake-up.
            follow_hw(pcm);
            if (available(pcm) >= pcm->avail_min) link_wake(&pcm->link);
        }
        break;
    case SND_PCM_STATE_DRAINING:
        *revents |= ready;
        break;
    case SND_PCM_STATE_PAUSED:
        link_clear_wake(&pcm->link);
        break;
    default:
        *revents |= ready | POLLERR;
    }
    return 0;
}

static int mediapod_close(snd_pcm_ioplug_t *io) {
    struct mediapod_pcm *pcm = io->private_data;
    if (pcm->owner == getpid()) link_close(&pcm->link);
    else link_abandon(&pcm->link);
    pcm_release_ring(pcm);
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

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = mediapod_start,
    .stop = mediapod_stop,
    .pointer = mediapod_pointer,
    .transfer = mediapod_transfer,
    .close = mediapod_close,
    .hw_params = pcm_hw_params,
    .hw_free = pcm_hw_free,
    .sw_params = pcm_sw_params,
    .prepare = mediapod_prepare,
    .drain = mediapod_drain,
    .pause = mediapod_pause,
    .poll_revents = mediapod_poll_revents,
    .dump = mediapod_dump,
    .delay = mediapod_delay,
    .query_chmaps = pcm_query_chmaps,
    .get_chmap = pcm_get_chmap,
    .set_chmap = pcm_set_chmap,
};

// The two symbols that alsa-lib looks for; everything else is hidden from the program.
#pragma GCC visibility push(default)
SND_PCM_PLUGIN_DEFINE_FUNC(mediapod) {
    (void)root;
    const char *path;
    bool lingers;
    int error = read_configuration(conf, &path, &lingers);
    if (error < 0) return error;
    struct mediapod_pcm *pcm = calloc(1, sizeof *pcm);
    if (!pcm) return -ENOMEM;
    const bool plays = stream == SND_PCM_STREAM_PLAYBACK;
    error = link_open(&pcm->link, path, plays ? SOUND_PLAYBACK : SOUND_CAPTURE, OPEN_TIMEOUT_MS);
    if (error < 0) {
        SNDERR("mediapod: no sound broker at %s: %s", path,
               pcm->link.refused ? pcm->link.refusal : snd_strerror(error));
        free(pcm);
        return error;
    }
    pcm->owner = getpid();
    pcm->lingers = lingers;
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
    error = pcm_constrain(pcm);
    if (error < 0) {
        snd_pcm_ioplug_delete(&pcm->io); // closes the link and frees the PCM
        return error;
    }
    *pcmp = pcm->io.pcm;
    return 0;
}

SND_PCM_PLUGIN_SYMBOL(mediapod);
#pragma GCC visibility pop
