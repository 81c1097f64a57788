#include "link.h"
#include "saying.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// How long the thread waits between two attempts to reach a broker. Mostly the first succeeds, for whoever starts
// brokers holds their socket, and we sleep until one takes us; without that, rarely enough to cost next to nothing.
enum { FIRST_RETRY_MS = 1, LAST_RETRY_MS = 512 };

void link_wake(struct link *link) {
    // A socket, not an eventfd: the broker must be able to write it without ever waiting, whatever a program
    // does to the descriptor, and only a socket takes that wish with each call.
    ssize_t ignored = send(link->wake_writer, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)ignored; // full: it is awake
}

void link_clear_wake(struct link *link) {
    char bytes[256];
    while (recv(link->wake_reader, bytes, sizeof bytes, MSG_DONTWAIT) == (ssize_t)sizeof bytes) {}
}

// Under the lock.
static void lose_broker(struct link *link) {
    if (link->socket >= 0) close(link->socket);
    link->socket = -1;
    link->welcomed = false;
    link->unsent = false;
    link->volume_serial = 0;
}

static void connect_broker(struct link *link) {
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)&link->address, sizeof link->address) < 0 ||
        send(fd, &link->hello, sizeof link->hello, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof link->hello) {
        close(fd);
        return;
    }
    pthread_mutex_lock(&link->lock);
    link->socket = fd;
    pthread_mutex_unlock(&link->lock);
}

static bool is_message(const void *bytes, ssize_t count, enum sound_message_type type, size_t expected) {
    const struct sound_header *header = bytes;
    return count == (ssize_t)expected && header->magic == SOUND_ABI_MAGIC && header->type == type &&
           header->bytes == expected;
}

// Under the lock. What was said before our last word was heard is older than ours.
static void take_volume(struct link *link, const struct sound_volume *volume) {
    if (link->volume_untold || volume->serial != link->volume_serial) return;
    link->volume = *volume;
    link->heard_volume = true;
    link_wake(link);
}

// Reads one message. False when the broker is gone.
static bool hear_broker(struct link *link) {
    union {
        struct sound_header header;
        struct sound_welcome welcome;
        struct sound_refused refused;
        struct sound_volume volume;
    } message;
    ssize_t count;
    do count = recv(link->socket, &message, sizeof message, MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);
    if (count < 0 && errno == EAGAIN) return true;
    if (count <= 0) return false;

    bool alive = true;
    pthread_mutex_lock(&link->lock);
    if (is_message(&message, count, SOUND_WELCOME, sizeof message.welcome)) {
        link->welcome = message.welcome;
        link->known = true;
        link->refused = 0;
        if (!link->welcomed) {
            link->welcomed = true;
            link_tell_everything(link);
        }
    } else if (is_message(&message, count, SOUND_VOLUME, sizeof message.volume)) {
        take_volume(link, &message.volume);
    } else if (is_message(&message, count, SOUND_REFUSED, sizeof message.refused)) {
        link->refused = message.refused.error > 0 ? message.refused.error : EIO;
        memcpy(link->refusal, message.refused.reason, sizeof link->refusal);
        link->refusal[sizeof link->refusal - 1] = 0;
        alive = false;
    }
    pthread_cond_broadcast(&link->changed);
    pthread_mutex_unlock(&link->lock);
    return alive;
}

static void *keep_link(void *argument) {
    struct link *link = argument;
    int retry = FIRST_RETRY_MS;
    for (;;) {
        if (link->socket < 0) connect_broker(link);

        pthread_mutex_lock(&link->lock);
        bool stopping = link->stopping;
        struct pollfd polled[2] = {
            {.fd = link->stop_event, .events = POLLIN},
            {.fd = link->socket, .events = (short)(POLLIN | (link->unsent ? POLLOUT : 0))},
        };
        pthread_mutex_unlock(&link->lock);
        if (stopping) return NULL;

        if (poll(polled, 2, polled[1].fd < 0 ? retry : -1) < 0) continue;
        if (polled[0].revents) {
            uint64_t count;
            ssize_t ignored = read(link->stop_event, &count, sizeof count);
            (void)ignored;
        }
        if (polled[1].fd < 0) {
            retry = retry * 2 < LAST_RETRY_MS ? retry * 2 : LAST_RETRY_MS;
            continue;
        }
        if (polled[1].revents & (POLLIN | POLLHUP | POLLERR)) {
            if (hear_broker(link)) {
                retry = FIRST_RETRY_MS;
            } else {
                pthread_mutex_lock(&link->lock);
                lose_broker(link);
                // A broker that refuses is not asked again at once.
                retry = link->refused ? LAST_RETRY_MS : FIRST_RETRY_MS;
                pthread_cond_broadcast(&link->changed);
                pthread_mutex_unlock(&link->lock);
                // It may have died between moving the pointer and saying so.
                link_wake(link);
                if (link->refused) poll(polled, 1, retry);
            }
        } else if (polled[1].revents & POLLOUT) {
            pthread_mutex_lock(&link->lock);
            link_tell_everything(link);
            pthread_mutex_unlock(&link->lock);
        }
    }
}

static void set_program_name(struct sound_hello *hello) {
    size_t length = strlen(program_invocation_short_name);
    if (length >= sizeof hello->program) length = sizeof hello->program - 1;
    memcpy(hello->program, program_invocation_short_name, length);
}

static int start_thread(struct link *link) {
    // The program's signals are none of this thread's business.
    sigset_t all, previous;
    sigfillset(&all);
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return -ENOMEM;
    pthread_attr_setstacksize(&attributes, 128 << 10);
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    int error = pthread_create(&link->thread, &attributes, keep_link, link);
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    pthread_attr_destroy(&attributes);
    if (error) return -error;
    pthread_setname_np(link->thread, link->hello.direction == SOUND_MIXER ? "mediapod-ctl" : "mediapod-pcm");
    return 0;
}

// Under the lock. Whether the broker has said all that a program may ask of it.
static bool is_welcome(const struct link *link) {
    return link->known && (link->hello.direction != SOUND_MIXER || link->heard_volume);
}

static int await_welcome(struct link *link, int timeout_ms) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    int error = 0;
    pthread_mutex_lock(&link->lock);
    while (!is_welcome(link) && !link->refused && !error)
        error = pthread_cond_timedwait(&link->changed, &link->lock, &deadline);
    if (is_welcome(link)) error = 0;
    else if (link->refused) error = link->refused;
    else error = ENODEV;
    pthread_mutex_unlock(&link->lock);
    return -error;
}

static void close_all(struct link *link) {
    const int fds[] = {link->socket, link->ring, link->wake_reader, link->wake_writer, link->stop_event};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0) close(fds[i]);
    pthread_cond_destroy(&link->changed);
    pthread_mutex_destroy(&link->lock);
}

static void stop_thread(struct link *link) {
    pthread_mutex_lock(&link->lock);
    link->stopping = true;
    pthread_mutex_unlock(&link->lock);
    link_poke_thread(link);
    pthread_join(link->thread, NULL);
}

int link_open(struct link *link, const char *path, enum sound_direction direction, int timeout_ms) {
    memset(link, 0, sizeof *link);
    link->socket = link->ring = link->wake_reader = link->wake_writer = -1;
    link->address.sun_family = AF_UNIX;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof link->address.sun_path) return -ENAMETOOLONG;
    memcpy(link->address.sun_path, path, length);

    pthread_mutex_init(&link->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&link->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);

    link->hello = (struct sound_hello){
        .header = link_header(SOUND_HELLO, sizeof link->hello),
        .version = SOUND_ABI_VERSION,
        .direction = direction,
    };
    set_program_name(&link->hello);
    int wake[2] = {-1, -1};
    int error = 0;
    link->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (link->stop_event < 0 || getrandom(link->hello.id, sizeof link->hello.id, 0) != sizeof link->hello.id ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, wake) < 0)
        error = errno ? -errno : -EIO;
    link->wake_reader = wake[0];
    link->wake_writer = wake[1];
    if (!error) error = start_thread(link);
    if (error) {
        close_all(link);
        return error;
    }
    error = await_welcome(link, timeout_ms);
    if (error) {
        stop_thread(link);
        close_all(link);
    }
    return error;
}

void link_close(struct link *link) {
    stop_thread(link);
    struct sound_header farewell = link_header(SOUND_CLOSE, sizeof farewell);
    link_send(link, &farewell, sizeof farewell, NULL, 0);
    close_all(link);
}

void link_abandon(struct link *link) {
    close_all(link);
}
