#include "watch.h"

#include <sys/epoll.h>
#include <unistd.h>

static int epoll_fd = -1;

bool watch_open(void)
{
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return epoll_fd >= 0;
}

void watch_init(struct watch *watch, int fd, enum watch_kind kind, uint32_t owner)
{
    *watch = (struct watch){.fd = fd, .kind = kind, .owner = owner};
}

void watch_want(struct watch *watch, uint32_t events)
{
    if (watch->fd < 0 || watch->events == events)
        return;

    // The event names its owner by number, not by address: an earlier event of the same batch may have freed it.
    struct epoll_event event = {
        .events = events,
        .data.u64 = (uint64_t)watch->kind << 32 | watch->owner,
    };
    int operation = events == 0 ? EPOLL_CTL_DEL : watch->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    // Out of memory is all that can go wrong; `events` then still says what holds, and the next call tries again.
    if (epoll_ctl(epoll_fd, operation, watch->fd, &event) == 0)
        watch->events = events;
}

void watch_close(struct watch *watch)
{
    if (watch->fd < 0)
        return;
    // A child between fork and exec still holds the descriptor; epoll would go on reporting it after the close
    // alone.
    watch_want(watch, 0);
    close(watch->fd);
    watch->fd = -1;
}

int watch_wait(struct watch_event *events, int limit)
{
    struct epoll_event ready[64];
    if (limit > 64)
        limit = 64;

    // EINTR comes from a stop and continue, or from being frozen and thawed.
    int count = epoll_wait(epoll_fd, ready, limit, -1);
    for (int i = 0; i < count; i++)
        events[i] = (struct watch_event){
            .kind = (enum watch_kind)(ready[i].data.u64 >> 32),
            .owner = (uint32_t)ready[i].data.u64,
            .events = ready[i].events,
        };
    return count < 0 ? 0 : count;
}
