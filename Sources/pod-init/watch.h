// Descriptors and what epoll watches of them.

#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum watch_kind {
    WATCH_SIGNALS,
    WATCH_LISTENER,
    WATCH_TIMER,
    WATCH_CLIENT,       // owner: the client's serial number
    WATCH_ACTIVATION,   // owner: the server's number
    WATCH_EXEC_STATUS,  // owner of this and the following: the program's id
    WATCH_INPUT,
    WATCH_OUTPUT,
    WATCH_ERROR_OUTPUT,
};

/// A descriptor that is owned here, and what epoll has been asked for.
struct watch {
    int fd;           // -1: none
    uint32_t events;  // 0: not in the epoll set
    enum watch_kind kind;
    uint32_t owner;
};

struct watch_event {
    enum watch_kind kind;
    uint32_t owner;
    uint32_t events;
};

#define WATCH_NONE ((struct watch){.fd = -1})

bool watch_open(void);

void watch_init(struct watch *watch, int fd, enum watch_kind kind, uint32_t owner);

/// Waits for `events` (EPOLLIN, EPOLLOUT) from now on. 0 takes the descriptor out of the set: EPOLLHUP and EPOLLERR
/// are reported of whatever is in it, and a pipe that is not read for a while would keep the loop spinning.
void watch_want(struct watch *watch, uint32_t events);

void watch_close(struct watch *watch);

/// Blocks until something happens; returns how many of `events` are filled in.
int watch_wait(struct watch_event *events, int limit);

#endif
