// What the ALSA plugin in a pod and the sound broker on the host share: messages over a SOCK_SEQPACKET unix
// socket, and one memfd a stream with a header page and a ring of interleaved frames.
//
// Both ends compile this header. A plugin lies in a suspended session and meets brokers of later versions, so
// nothing here changes its meaning: what is new gets a new ABI version, and brokers speak the old ones too.
//
// All positions are 64-bit frame counts since the PCM was opened. They never wrap; `base` says where the present
// run began. `hw` never goes back, over prepare, drop, suspend and broker restarts; `appl` goes back only as far as
// a program rewinds, never behind `hw`.
//
// Version 1 (playback of S16_LE stereo) was never released, and is refused.
#ifndef SOUND_ABI_H
#define SOUND_ABI_H

#include <stdint.h>

#define SOUND_ABI_VERSION 2u
#define SOUND_ABI_MAGIC 0x50534d50u // "PMSP"

/// Bytes before the first frame in the shared memory: one page, so that the frames start on one.
#define SOUND_RING_HEADER_BYTES 4096u
/// The largest ring a broker maps: 2 s of the widest stream (192 kHz, 8 channels, 32 bits) and the buffer.
#define SOUND_RING_MAX_BYTES (64u << 20)
/// Frames that stay in a playback ring behind the played position for a resampler's pre-roll: the longest filter,
/// libsamplerate's best from 192 to 8 kHz, in whole blocks of their ratio, is shorter.
#define SOUND_PREROLL_FRAMES 8192u
/// Time for which a sink may give frames back that were already reported as played, s: rendered ahead and
/// rewound when it is stopped. PulseAudio renders at most 2 s ahead.
#define SOUND_GIVE_BACK_SECONDS 2u

enum sound_message_type {
    SOUND_HELLO = 1,     // plugin: who I am; the first message of a connection
    SOUND_WELCOME = 2,   // broker: what hw_params may be
    SOUND_REFUSED = 3,   // broker: why not; the connection ends
    SOUND_CONFIGURE = 4, // plugin: hw_params and sw_params, with the ring and the wake socket
    SOUND_SW_PARAMS = 5, // plugin: sw_params alone
    SOUND_TRIGGER = 6,   // plugin: the state the stream shall be in; the last one counts
    SOUND_KICK = 7,      // plugin: frames were written while `hungry` was set
    SOUND_CLOSE = 8,     // plugin: the PCM is closed; the stream is forgotten
    SOUND_CHANNELS = 9,  // plugin: which speaker each channel is for
    SOUND_REWIND = 10,   // plugin: frames that were already written, and perhaps taken, are written anew
    SOUND_VOLUME = 11,   // both, of a mixer's connection: how loud the pod is
};

/// What a connection is for: one PCM, or the pod's mixer.
enum sound_direction { SOUND_PLAYBACK = 0, SOUND_CAPTURE = 1, SOUND_MIXER = 2 };

/// The states of a PCM as far as they concern the broker.
enum sound_state {
    SOUND_STATE_SETUP = 0,    // dropped: what is queued is thrown away
    SOUND_STATE_PREPARED = 1, // a new run begins at `base`; nothing plays yet
    SOUND_STATE_RUNNING = 2,
    SOUND_STATE_PAUSED = 3,
    SOUND_STATE_DRAINING = 4, // plays until the last frame was heard
};

/// Sample formats, by ALSA's numbers (SND_PCM_FORMAT_*).
enum sound_format {
    SOUND_FORMAT_S16_LE = 2,
    SOUND_FORMAT_S24_LE = 6, // in 32 bits
    SOUND_FORMAT_S32_LE = 10,
    SOUND_FORMAT_FLOAT_LE = 14,
    SOUND_FORMAT_S24_3LE = 32, // in 24 bits
};

/// 7.1. Positions are SND_CHMAP_*, 0 behind the last channel.
#define SOUND_MAX_CHANNELS 8u

struct sound_header {
    uint32_t magic;
    uint16_t type;
    uint16_t bytes; // of the whole message
};

struct sound_hello {
    struct sound_header header;
    uint32_t version;
    uint32_t direction;
    uint8_t id[16];    // random, chosen when the PCM was opened
    char program[64];  // not trusted, not necessarily terminated
};

#define SOUND_MAX_RATES 16u
/// Sent again whenever what it says changes: it counts for the next hw_params.
struct sound_welcome {
    struct sound_header header;
    uint32_t version;
    uint32_t policy;       // 0 portable, 1 full
    uint64_t formats;      // bit n: SND_PCM_FORMAT n
    uint32_t channels_min;
    uint32_t channels_max;
    uint32_t rate_count;   // 1...SOUND_MAX_RATES
    uint32_t rates[SOUND_MAX_RATES]; // Hz
    uint8_t positions[SOUND_MAX_CHANNELS]; // the host's, of channels_max channels
    uint32_t reserved;
};

struct sound_refused {
    struct sound_header header;
    int32_t error; // an errno
    char reason[124];
};

struct sound_sw_params {
    // Frames all, as the program set them; recorded, and used where the broker needs them.
    uint64_t avail_min;
    uint64_t start_threshold;
    uint64_t stop_threshold;
    uint64_t silence_threshold;
    uint64_t silence_size;
    uint64_t boundary;
};

/// Carries two descriptors: the ring (a memfd sealed against shrinking and growing) and the end of the wake
/// socket that the broker writes.
struct sound_configure {
    struct sound_header header;
    uint32_t access; // SND_PCM_ACCESS_*
    uint32_t format; // SND_PCM_FORMAT_*
    uint32_t rate;   // Hz
    uint32_t channels;
    uint64_t period_frames;
    uint64_t buffer_frames;
    uint64_t ring_frames;
    uint8_t positions[SOUND_MAX_CHANNELS];
    struct sound_sw_params sw;
};

/// Frames from `position` on, which is not behind `hw`, are void: what was written there is written anew.
struct sound_rewind {
    struct sound_header header;
    uint64_t position;
};

struct sound_channels {
    struct sound_header header;
    uint8_t positions[SOUND_MAX_CHANNELS];
};

/// Linear, 65536 is unity; the mixer's own scale is the plugin's affair.
#define SOUND_VOLUME_UNITY 65536u
struct sound_volume {
    struct sound_header header;
    uint32_t playback;
    uint32_t capture;
    uint32_t playback_muted; // 0 or 1
    uint32_t capture_muted;
    // A mixer counts what it says on one connection, from 1; a broker repeats the last count it heard there. So a
    // mixer knows whether what it is told came before its own last word, or after it.
    uint32_t serial;
    uint32_t reserved;
};

struct sound_sw_message {
    struct sound_header header;
    struct sound_sw_params sw;
};

struct sound_trigger {
    struct sound_header header;
    uint32_t state;
    uint32_t epoch; // counts prepares: what the broker publishes of an older epoch is void
    uint64_t base;  // the position at which this epoch's run begins
};

/// The first page of the ring's memory. One cache line per writer.
struct sound_ring {
    // Written by the plugin before the broker sees it; the broker compares it once with what CONFIGURE said
    // and then trusts its own copies.
    _Alignas(64) uint32_t magic;
    uint32_t version;
    uint64_t ring_frames;
    uint32_t frame_bytes;
    uint32_t reserved0;

    // The plugin's.
    _Alignas(64) uint64_t appl; // frames written, or read, by the program

    // The broker's, under the sequence count: odd while it writes.
    _Alignas(64) uint32_t sequence;
    uint32_t epoch;
    uint64_t hw;        // frames that left the buffer, or came into it: never goes back
    uint64_t played;    // playback: the next frame to be heard; behind `hw` while a sink gives frames back
    uint32_t phase;     // sink frames played beyond `played` when a resampler is at work
    uint32_t sink_rate; // Hz, what `phase` counts in
    uint64_t delay_ns;  // from leaving the buffer to being heard, or from the air into the buffer
    uint64_t handover;  // ties this memory to a session's record; 0 once taken over
    uint64_t xruns;

    // Set by the broker when the sink wants frames and there are none; cleared by whoever answers.
    _Alignas(64) uint32_t hungry;
};

_Static_assert(sizeof(struct sound_header) == 8, "layout");
_Static_assert(sizeof(struct sound_hello) == 96, "layout");
_Static_assert(sizeof(struct sound_welcome) == 112, "layout");
_Static_assert(sizeof(struct sound_refused) == 136, "layout");
_Static_assert(sizeof(struct sound_configure) == 104, "layout");
_Static_assert(sizeof(struct sound_sw_message) == 56, "layout");
_Static_assert(sizeof(struct sound_rewind) == 16, "layout");
_Static_assert(sizeof(struct sound_channels) == 16, "layout");
_Static_assert(sizeof(struct sound_volume) == 32, "layout");
_Static_assert(sizeof(struct sound_trigger) == 24, "layout");
_Static_assert(sizeof(struct sound_ring) == 256, "layout");
_Static_assert(sizeof(struct sound_ring) <= SOUND_RING_HEADER_BYTES, "the header fits its page");

/// What the broker publishes, read or written as a whole.
struct sound_position {
    uint32_t epoch;
    uint32_t phase;
    uint32_t sink_rate;
    uint64_t hw;
    uint64_t played;
    uint64_t delay_ns;
    uint64_t handover;
    uint64_t xruns;
};

/// Whether a plugin that speaks this version made the memory.
static inline int sound_ring_is_known(const struct sound_ring *ring) {
    return ring->magic == SOUND_ABI_MAGIC && ring->version == SOUND_ABI_VERSION;
}

/// RT safe. Frames written or read so far; what was written before is visible.
static inline uint64_t sound_ring_appl(const struct sound_ring *ring) {
    return __atomic_load_n(&ring->appl, __ATOMIC_ACQUIRE);
}

/// RT safe. The plugin's: publishes frames, then says whether the broker waits for them (once).
static inline int sound_ring_publish_appl(struct sound_ring *ring, uint64_t appl) {
    // Sequentially consistent with the broker's "set hungry, read appl": one of the two sees the other.
    __atomic_store_n(&ring->appl, appl, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&ring->hungry, __ATOMIC_SEQ_CST)) return 0;
    return (int)__atomic_exchange_n(&ring->hungry, 0, __ATOMIC_SEQ_CST);
}

/// RT safe. The broker's: asks for a KICK when frames come, and returns what is there after asking.
static inline uint64_t sound_ring_set_hungry(struct sound_ring *ring) {
    __atomic_store_n(&ring->hungry, 1, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&ring->appl, __ATOMIC_SEQ_CST);
}

static inline void sound_ring_clear_hungry(struct sound_ring *ring) {
    __atomic_store_n(&ring->hungry, 0, __ATOMIC_RELAXED);
}

/// RT safe. The broker's. Writes are plain stores between two odd-even steps of the count; a reader that
/// overlaps sees the count change and reads again.
static inline void sound_ring_publish_position(struct sound_ring *ring, const struct sound_position *position) {
    uint32_t sequence = __atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) | 1u;
    __atomic_store_n(&ring->sequence, sequence, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    __atomic_store_n(&ring->epoch, position->epoch, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->phase, position->phase, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->sink_rate, position->sink_rate, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->hw, position->hw, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->played, position->played, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->delay_ns, position->delay_ns, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->handover, position->handover, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->xruns, position->xruns, __ATOMIC_RELAXED);
    __atomic_store_n(&ring->sequence, sequence + 1u, __ATOMIC_RELEASE);
}

/// RT safe. 1 and a consistent copy, or 0 when the writer was in the middle of it every time: a broker that
/// was killed there leaves the count odd for good, and the reader goes on with what it knew.
static inline int sound_ring_read_position(const struct sound_ring *ring, struct sound_position *position) {
    for (int tries = 0; tries < 64; tries++) {
        uint32_t before = __atomic_load_n(&ring->sequence, __ATOMIC_ACQUIRE);
        if (before & 1u) continue;
        position->epoch = __atomic_load_n(&ring->epoch, __ATOMIC_RELAXED);
        position->phase = __atomic_load_n(&ring->phase, __ATOMIC_RELAXED);
        position->sink_rate = __atomic_load_n(&ring->sink_rate, __ATOMIC_RELAXED);
        position->hw = __atomic_load_n(&ring->hw, __ATOMIC_RELAXED);
        position->played = __atomic_load_n(&ring->played, __ATOMIC_RELAXED);
        position->delay_ns = __atomic_load_n(&ring->delay_ns, __ATOMIC_RELAXED);
        position->handover = __atomic_load_n(&ring->handover, __ATOMIC_RELAXED);
        position->xruns = __atomic_load_n(&ring->xruns, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) == before) return 1;
    }
    return 0;
}

#endif
