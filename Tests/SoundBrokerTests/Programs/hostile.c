// A pod that wants its broker to fall: it speaks the protocol as the ALSA plugin does, up to a point.
//
//   hostile SOCKET MODE [SEED]
//
// Ends with 0 when it has done all it could; a broker that closes the connection is what it expects.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "SoundABI.h"

static const char *socket_path;
static uint64_t random_state;

static uint64_t next_random(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static uint64_t below(uint64_t bound) {
    return next_random() % bound;
}

static void must(bool condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
    exit(1);
}

struct stream {
    int socket;
    int memory;
    int wake[2];
    struct sound_ring *ring;
    uint64_t frames;
    uint32_t frame_bytes;
    uint32_t direction;
};

static struct sound_header header_of(enum sound_message_type type, size_t bytes) {
    return (struct sound_header){.magic = SOUND_ABI_MAGIC, .type = (uint16_t)type, .bytes = (uint16_t)bytes};
}

// False when the broker has closed the connection. Waits where the broker lets messages wait.
static bool send_all(int socket, const void *message, size_t bytes, const int *fds, size_t count) {
    struct iovec vector = {.iov_base = (void *)message, .iov_len = bytes};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {0};
    struct msghdr packet = {.msg_iov = &vector, .msg_iovlen = 1};
    if (count > 0) {
        packet.msg_control = control;
        packet.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        *rights = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    return sendmsg(socket, &packet, MSG_NOSIGNAL) == (ssize_t)bytes;
}

static bool say(struct stream *stream, const void *message, size_t bytes) {
    return send_all(stream->socket, message, bytes, NULL, 0);
}

static bool has_ended(int socket) {
    char bytes[256];
    ssize_t count;
    while ((count = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {}
    return count == 0 || (errno != EAGAIN && errno != EINTR);
}

static bool ends(int socket) {
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    for (int tries = 0; tries < 1000; tries++) {
        if (has_ended(socket)) return true;
        poll(&polled, 1, 10);
    }
    return false;
}

// Does not wait for a broker that takes no connections.
static bool is_impatient;

static bool connect_to_broker(struct stream *stream, uint32_t direction) {
    *stream = (struct stream){.socket = -1, .memory = -1, .wake = {-1, -1}, .direction = direction};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
    stream->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    must(stream->socket >= 0, "socket");
    const struct timeval patience = {.tv_usec = 300000};
    if (is_impatient) must(setsockopt(stream->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0, "timeout");
    if (connect(stream->socket, (struct sockaddr *)&address, sizeof address) < 0) return false;
    struct sound_hello hello = {
        .header = header_of(SOUND_HELLO, sizeof hello),
        .version = SOUND_ABI_VERSION,
        .direction = direction,
        .program = "hostile",
    };
    for (size_t i = 0; i < sizeof hello.id; i++) hello.id[i] = (uint8_t)next_random();
    return say(stream, &hello, sizeof hello);
}

static void make_ring(struct stream *stream, uint64_t frames, uint32_t frame_bytes) {
    size_t bytes = SOUND_RING_HEADER_BYTES + frames * frame_bytes;
    stream->frames = frames;
    stream->frame_bytes = frame_bytes;
    stream->memory = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(stream->memory >= 0 && ftruncate(stream->memory, (off_t)bytes) == 0, "memfd");
    must(fcntl(stream->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0, "seal");
    stream->ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, stream->memory, 0);
    must(stream->ring != MAP_FAILED, "mmap");
    stream->ring->magic = SOUND_ABI_MAGIC;
    stream->ring->version = SOUND_ABI_VERSION;
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream->wake) == 0, "socketpair");
}

static struct sound_configure configuration(const struct stream *stream, uint32_t rate) {
    return (struct sound_configure){
        .header = header_of(SOUND_CONFIGURE, sizeof(struct sound_configure)),
        .access = 3,
        .format = stream->frame_bytes == 4 ? SOUND_FORMAT_S16_LE : SOUND_FORMAT_FLOAT_LE,
        .rate = rate,
        .channels = 2,
        .period_frames = 441,
        .buffer_frames = stream->frames / 2,
        .ring_frames = stream->frames,
        .positions = {3, 4},
        .sw = {.avail_min = 441, .start_threshold = 1, .stop_threshold = stream->frames},
    };
}

static bool configure(struct stream *stream, uint32_t rate) {
    struct sound_configure message = configuration(stream, rate);
    const int fds[2] = {stream->memory, stream->wake[1]};
    return send_all(stream->socket, &message, sizeof message, fds, 2);
}

static bool trigger(struct stream *stream, uint32_t state, uint32_t epoch, uint64_t base) {
    struct sound_trigger message = {
        .header = header_of(SOUND_TRIGGER, sizeof message), .state = state, .epoch = epoch, .base = base};
    return say(stream, &message, sizeof message);
}

static bool set_position(struct stream *stream, enum sound_message_type type, uint64_t position) {
    struct sound_rewind message = {.header = header_of(type, sizeof message), .position = position};
    return say(stream, &message, sizeof message);
}

static void let_go(struct stream *stream) {
    const int fds[] = {stream->socket, stream->memory, stream->wake[0], stream->wake[1]};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0) close(fds[i]);
    if (stream->ring) munmap(stream->ring, SOUND_RING_HEADER_BYTES + stream->frames * stream->frame_bytes);
    stream->ring = NULL;
}

static struct stream open_stream(uint32_t direction, uint64_t frames, uint32_t rate) {
    struct stream stream;
    must(connect_to_broker(&stream, direction), "connect");
    make_ring(&stream, frames, 4);
    configure(&stream, rate);
    return stream;
}

// ------------------------------------------------------------------------------------------------- wild indices

enum { STREAMS = 6 };
static struct stream wild[STREAMS];
static _Atomic bool is_over;

static uint64_t strange_position(const struct stream *stream) {
    const uint64_t hw = stream->ring->hw, frames = stream->frames;
    switch (below(12)) {
    case 0: return UINT64_MAX;
    case 1: return 1ull << 62;
    case 2: return (1ull << 62) - 1 - below(1000);
    case 3: return 1ull << (below(64));
    case 4: return hw - below(frames);
    case 5: return hw + frames + below(3);
    case 6: return 0;
    case 7: return next_random();
    default: return hw + below(frames);
    }
}

// Writes all over the headers while the broker uses them, faster than it can look.
static void *scribble(void *argument) {
    (void)argument;
    while (!is_over) {
        struct sound_ring *ring = wild[below(STREAMS)].ring;
        const struct stream *stream = &wild[below(STREAMS)];
        if (!ring || !stream->ring) continue;
        __atomic_store_n(&ring->appl, strange_position(stream), __ATOMIC_SEQ_CST);
        if (below(64) == 0) ring->hw = strange_position(stream);
        if (below(64) == 0) ring->played = strange_position(stream);
        if (below(64) == 0) ring->phase = (uint32_t)next_random();
        if (below(64) == 0) ring->sink_rate = (uint32_t)below(3);
        if (below(64) == 0) ring->sequence = (uint32_t)next_random();
        if (below(64) == 0) ring->ring_frames = next_random();
        if (below(8) == 0) ring->hungry = (uint32_t)below(2);
    }
    return NULL;
}

static bool send_something(struct stream *stream) {
    static const uint32_t rates[] = {8000, 44100, 48000, 192000};
    const uint32_t epoch = below(4) ? stream->ring->epoch : (uint32_t)below(4);
    switch (below(12)) {
    case 0: return set_position(stream, SOUND_REWIND, strange_position(stream));
    case 1: return set_position(stream, SOUND_CHANNELS, below(2) ? 0x0304 : next_random());
    case 2: return configure(stream, rates[below(4)]);
    case 3: {
        struct sound_sw_message message = {.header = header_of(SOUND_SW_PARAMS, sizeof message)};
        for (size_t i = 0; i < sizeof message.sw / 8; i++) ((uint64_t *)&message.sw)[i] = strange_position(stream);
        return say(stream, &message, sizeof message);
    }
    case 4: {
        struct sound_header message = header_of(SOUND_KICK, sizeof message);
        return say(stream, &message, sizeof message);
    }
    case 5:
        // A moment without wild indices, or nothing would ever run.
        __atomic_store_n(&stream->ring->appl, stream->ring->hw + below(stream->frames / 2), __ATOMIC_SEQ_CST);
        return trigger(stream, SOUND_STATE_DRAINING, stream->ring->epoch, 0);
    default: return trigger(stream, (uint32_t)below(5), epoch, below(2) ? 0 : strange_position(stream));
    }
}

static void be_wild(void) {
    pthread_t thread;
    for (int i = 0; i < STREAMS; i++) wild[i] = open_stream(i % 2, 44100, 44100);
    must(pthread_create(&thread, NULL, scribble, NULL) == 0, "thread");
    for (int round = 0; round < 20000; round++) {
        struct stream *stream = &wild[below(STREAMS)];
        // Sinks shall find time to ask and to tell.
        if (round % 8 == 0) usleep(1000);
        if (send_something(stream) && !has_ended(stream->socket)) continue;
        // The ring stays, and is met again by a new stream: as after a restart of the broker.
        struct stream again;
        must(connect_to_broker(&again, stream->direction), "connect");
        close(stream->socket);
        stream->socket = again.socket;
        configure(stream, 44100);
    }
    is_over = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < STREAMS; i++) let_go(&wild[i]);
}

// Waits until the broker says something else than `hw`.
static void await_change(const struct stream *stream, uint64_t hw) {
    for (int tries = 0; tries < 5000 && !has_ended(stream->socket); tries++) {
        if (stream->ring->hw != hw) return;
        usleep(1000);
    }
}

// A stream that comes from the end of time, at a rate that the sink multiplies.
static void come_from_afar(void) {
    static const uint64_t ends[] = {1ull << 62, 1ull << 61, 1ull << 56, 1ull << 55};
    for (size_t i = 0; i < 2 * sizeof ends / sizeof ends[0]; i++) {
        struct stream stream;
        must(connect_to_broker(&stream, SOUND_PLAYBACK), "connect");
        make_ring(&stream, 44100, 4);
        stream.ring->appl = stream.ring->hw = ends[i / 2] - 1000;
        stream.ring->played = ends[i / 2] - 2000;
        stream.ring->epoch = 7;
        if (i % 2) stream.ring->phase = UINT32_MAX, stream.ring->sink_rate = 1;
        configure(&stream, 8000);
        trigger(&stream, SOUND_STATE_RUNNING, 7, 0);
        await_change(&stream, stream.ring->hw);
        let_go(&stream);
    }
}

// ------------------------------------------------------------------------------------------ memory, descriptors

static int memory_of(size_t bytes, int seals) {
    int fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    must(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0, "memfd");
    if (bytes >= sizeof(struct sound_ring)) {
        const struct sound_ring ring = {.magic = SOUND_ABI_MAGIC, .version = SOUND_ABI_VERSION};
        must(pwrite(fd, &ring, sizeof ring, 0) == sizeof ring, "pwrite");
    }
    if (seals) must(fcntl(fd, F_ADD_SEALS, seals) == 0, "seal");
    return fd;
}

static void expect_refusal(const char *what, const int *fds, size_t count) {
    struct stream stream;
    must(connect_to_broker(&stream, SOUND_PLAYBACK), "connect");
    stream.frames = 44100;
    stream.frame_bytes = 4;
    struct sound_configure message = configuration(&stream, 44100);
    send_all(stream.socket, &message, sizeof message, fds, count);
    if (!ends(stream.socket)) {
        fprintf(stderr, "hostile: the broker took %s\n", what);
        exit(1);
    }
    stream.ring = NULL;
    let_go(&stream);
}

static void offer_bad_memory(void) {
    const size_t right = SOUND_RING_HEADER_BYTES + 44100 * 4;
    const int all = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    int wake[2], pipes[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, wake) == 0 && pipe(pipes) == 0, "socketpair");
    char name[] = "/tmp/hostile.XXXXXX";
    int file = mkstemp(name);
    must(file >= 0 && unlink(name) == 0 && ftruncate(file, (off_t)right) == 0, "file");
    int shrunk = memory_of(2 * right, 0);
    must(ftruncate(shrunk, (off_t)right - 1) == 0 && fcntl(shrunk, F_ADD_SEALS, all) == 0, "shrink");
    int headless = memory_of(0, 0);
    must(ftruncate(headless, (off_t)right) == 0 && fcntl(headless, F_ADD_SEALS, all) == 0, "headless");
    const struct {
        const char *what;
        int fd;
    } bad[] = {
        {"memory that is not sealed", memory_of(right, 0)},
        {"memory that may still shrink", memory_of(right, F_SEAL_GROW)},
        {"memory that may still grow", memory_of(right, F_SEAL_SHRINK)},
        {"memory too small", memory_of(right - 1, all)},
        {"memory too large", memory_of(right + 1, all)},
        {"empty memory", memory_of(0, all)},
        {"memory shrunk before its seal", shrunk},
        {"memory that nobody may write", memory_of(right, all | F_SEAL_WRITE)},
        {"memory that nobody may write any more", memory_of(right, all | F_SEAL_FUTURE_WRITE)},
        {"memory without a header", headless},
        {"a file", file},
        {"a socket", wake[0]},
        {"a pipe", pipes[0]},
        {"a device", open("/dev/zero", O_RDWR)},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refusal(bad[i].what, (const int[]){bad[i].fd, wake[1]}, 2);
    int good = memory_of(right, all);
    expect_refusal("no descriptor", NULL, 0);
    expect_refusal("one descriptor", &good, 1);
    expect_refusal("descriptors the other way about", (const int[]){wake[1], good}, 2);
    expect_refusal("a third descriptor", (const int[]){good, wake[1], wake[1]}, 3);
    int many[60];
    for (size_t i = 0; i < 60; i++) many[i] = good;
    for (int round = 0; round < 200; round++) expect_refusal("sixty descriptors", many, 60);
}

// A wake socket that is full, or none: the broker writes it all the same.
static void sleep_on(void) {
    int pipes[2];
    must(pipe(pipes) == 0, "pipe");
    struct stream streams[4];
    for (int i = 0; i < 4; i++) {
        struct stream *stream = &streams[i];
        must(connect_to_broker(stream, SOUND_PLAYBACK), "connect");
        make_ring(stream, 44100, 4);
        while (send(stream->wake[1], "", 1, MSG_DONTWAIT) == 1) {}
        const int wakes[] = {stream->wake[1], pipes[1], stream->memory, stream->socket};
        struct sound_configure message = configuration(stream, 44100);
        const int fds[2] = {stream->memory, wakes[i]};
        send_all(stream->socket, &message, sizeof message, fds, 2);
        stream->ring->appl = 44100;
        trigger(stream, SOUND_STATE_RUNNING, 1, 0);
    }
    for (int i = 0; i < 4; i++) {
        await_change(&streams[i], 0);
        let_go(&streams[i]);
    }
}

// ----------------------------------------------------------------------------------------------------- crowds

// Mixers that never read what they are told, and one that changes it all the time.
static void be_deaf(void) {
    struct stream deaf[64], loud;
    for (int i = 0; i < 64; i++) must(connect_to_broker(&deaf[i], SOUND_MIXER), "connect");
    must(connect_to_broker(&loud, SOUND_MIXER), "connect");
    for (uint32_t i = 0; i < 20000; i++) {
        struct sound_volume volume = {
            .header = header_of(SOUND_VOLUME, sizeof volume), .playback = i % 2 ? 65536 : 65535, .capture = 65536,
            .serial = i};
        if (!say(&loud, &volume, sizeof volume)) break;
    }
    for (int i = 0; i < 64; i++) let_go(&deaf[i]);
    let_go(&loud);
}

// More streams than anybody needs, with the largest rings there may be, all running.
static void be_a_thousand(void) {
    enum { CROWD = 1000 };
    static struct stream crowd[CROWD];
    struct rlimit limit = {.rlim_cur = 8192, .rlim_max = 8192};
    setrlimit(RLIMIT_NOFILE, &limit);
    const uint64_t frames = (SOUND_RING_MAX_BYTES - SOUND_RING_HEADER_BYTES) / 4;
    int count = 0;
    for (; count < CROWD; count++) {
        struct stream *stream = &crowd[count];
        if (!connect_to_broker(stream, count % 2)) break;
        // Not mapped here: it is the broker who would touch all of it.
        stream->frames = frames < 8 << 20 ? frames : 8 << 20;
        stream->frame_bytes = 4;
        stream->memory = memory_of(SOUND_RING_HEADER_BYTES + stream->frames * 4, 0);
        const uint64_t appl = count % 2 ? 0 : stream->frames;
        must(pwrite(stream->memory, &appl, 8, offsetof(struct sound_ring, appl)) == 8, "pwrite");
        must(fcntl(stream->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0, "seal");
        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream->wake) == 0, "socketpair");
        struct sound_configure message = configuration(stream, 44100);
        message.buffer_frames = stream->frames;
        message.period_frames = stream->frames / 4;
        const int fds[2] = {stream->memory, stream->wake[1]};
        send_all(stream->socket, &message, sizeof message, fds, 2);
        trigger(stream, SOUND_STATE_RUNNING, 1, 0);
    }
    printf("%d connections\n", count);
    fflush(stdout);
    sleep(2);
    for (int i = 0; i < count; i++) let_go(&crowd[i]);
}

// Sink streams are opened and closed as fast as the broker lets it happen.
// As many as a broker has descriptors for, and more that it cannot take.
static void starve_broker(void) {
    is_impatient = true;
    be_a_thousand();
}

static void flood(void) {
    struct stream streams[4];
    for (int i = 0; i < 4; i++) streams[i] = open_stream(i % 2, 44100, 48000);
    for (int round = 0; round < 2000; round++) {
        struct stream *stream = &streams[round % 4];
        switch (below(4)) {
        case 0: trigger(stream, SOUND_STATE_PREPARED, 0, 0); break;
        case 1: trigger(stream, SOUND_STATE_SETUP, 0, 0); break;
        case 2: set_position(stream, SOUND_CHANNELS, below(2) ? 0x0304 : 0x0403); break;
        default: configure(stream, below(2) ? 44100 : 48000);
        }
    }
    for (int i = 0; i < 4; i++) let_go(&streams[i]);
}

// A TCP socket that is full, and that a close waits a minute for; only the kernel's queue has it afterwards.
static int lingering_socket(int *peer) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t bytes = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(listener, (struct sockaddr *)&address, bytes) == 0 && listen(listener, 1) == 0, "listen");
    must(getsockname(listener, (struct sockaddr *)&address, &bytes) == 0, "getsockname");
    must(connect(client, (struct sockaddr *)&address, bytes) == 0, "connect");
    *peer = accept(listener, NULL, NULL);
    must(*peer >= 0, "accept");
    close(listener);
    static const char junk[65536];
    while (send(client, junk, sizeof junk, MSG_DONTWAIT) > 0) {}
    const struct linger linger = {.l_onoff = 1, .l_linger = 60};
    must(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0, "linger");
    return client;
}

// Hands over what is slow to close: with a message that wants no descriptors, as the wake socket, and in a queue that
// is never read.
static void linger_on(void) {
    struct stream stream = open_stream(SOUND_PLAYBACK, 44100, 44100);
    int peers[6];
    for (int i = 0; i < 2; i++) {
        const int slow = lingering_socket(&peers[i]);
        struct sound_header kick = header_of(SOUND_KICK, sizeof kick);
        send_all(stream.socket, &kick, sizeof kick, &slow, 1);
        close(slow);
    }
    for (int i = 2; i < 4; i++) {
        struct stream other;
        must(connect_to_broker(&other, SOUND_PLAYBACK), "connect");
        const int fds[2] = {lingering_socket(&peers[i]), lingering_socket(&peers[i + 2])};
        struct sound_configure message = configuration(&stream, 44100);
        send_all(other.socket, &message, sizeof message, fds, 2);
        close(fds[0]);
        close(fds[1]);
        ends(other.socket);
        close(other.socket);
    }
    let_go(&stream);
}

int main(int count, char **arguments) {
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {
        {"wild", be_wild}, {"afar", come_from_afar}, {"memory", offer_bad_memory},
        {"wake", sleep_on}, {"deaf", be_deaf}, {"thousand", be_a_thousand}, {"flood", flood},
        {"linger", linger_on}, {"starve", starve_broker},
    };
    if (count < 3) return 2;
    socket_path = arguments[1];
    random_state = (count > 3 ? strtoull(arguments[3], NULL, 10) : 1) * 0x9E3779B97F4A7C15u | 1;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(arguments[2], modes[i].name)) continue;
        modes[i].run();
        return 0;
    }
    fprintf(stderr, "hostile: there is no mode %s\n", arguments[2]);
    return 2;
}
