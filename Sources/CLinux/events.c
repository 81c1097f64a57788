#include "CLinux.h"

#include <sys/eventfd.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>

int csys_epoll_create(void) {
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int csys_epoll_watch(int epoll, int fd, int change, int interest, uint64_t token) {
    struct epoll_event event = {
        .events = (interest & 1 ? EPOLLIN : 0) | (interest & 2 ? EPOLLOUT : 0),
        .data.u64 = token,
    };
    return epoll_ctl(epoll, change ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int csys_epoll_forget(int epoll, int fd) {
    return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0;
}

int csys_epoll_wait(int epoll, uint64_t *tokens, int *ready, int capacity, int timeout_ms) {
    struct epoll_event events[64];
    if (capacity > 64) capacity = 64;
    int count = epoll_wait(epoll, events, capacity, timeout_ms);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int i = 0; i < count; i++) {
        tokens[i] = events[i].data.u64;
        ready[i] = (events[i].events & EPOLLIN ? 1 : 0) | (events[i].events & EPOLLOUT ? 2 : 0) |
                   (events[i].events & (EPOLLHUP | EPOLLERR) ? 4 : 0);
    }
    return count;
}

int csys_timer_create(void) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

int csys_timer_set(int timer, uint64_t first_ns, uint64_t interval_ns) {
    struct itimerspec spec = {.it_value = timespec_of(first_ns), .it_interval = timespec_of(interval_ns)};
    return timerfd_settime(timer, 0, &spec, NULL) < 0 ? -errno : 0;
}

int csys_termination_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error) return -error;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

uint64_t csys_monotonic_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int csys_event_counter(int non_blocking) {
    int counter = eventfd(0, EFD_CLOEXEC | (non_blocking ? EFD_NONBLOCK : 0));
    return counter < 0 ? -errno : counter;
}

static struct timespec in_milliseconds(unsigned milliseconds) {
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += milliseconds / 1000;
    end.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    return end;
}

int csys_join_within(unsigned long thread, unsigned milliseconds) {
    struct timespec end = in_milliseconds(milliseconds);
    return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end);
}

int csys_semaphore_wait(void *semaphore, unsigned milliseconds) {
    struct timespec end = in_milliseconds(milliseconds);
    return sem_clockwait(semaphore, CLOCK_MONOTONIC, &end) < 0 ? -errno : 0;
}
