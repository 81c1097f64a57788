// epoll: what is watched and for what, what each is known by, edges and shots, a set in a set, and a number that is closed
// while its file is open.

#include "kind.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { READY, QUIET, WRITABLE, SHOT, SHOT_SPENT, TIMER, EDGE, INNER, CLOSED, SOURCES };
static const char *const names[SOURCES] = {
    "something to read", "nothing to read", "room to write", "one shot", "a spent shot", "a timer", "an edge",
    "a set in the set", "a closed number",
};

static int set, inner, sources[SOURCES], writers[SOURCES], twin;

static void watch(int which, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = mix(100 + (uint64_t)which)};
    must(epoll_ctl(set, EPOLL_CTL_ADD, sources[which], &event));
}

static void make(void)
{
    set = must(epoll_create1(EPOLL_CLOEXEC));
    static const int piped[] = {READY, QUIET, SHOT, SHOT_SPENT, EDGE, CLOSED};
    for (size_t i = 0; i < sizeof piped / sizeof *piped; i++) {
        int ends[2];
        must(pipe2(ends, O_NONBLOCK));
        sources[piped[i]] = ends[0];
        writers[piped[i]] = ends[1];
    }
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    sources[WRITABLE] = ends[0];
    sources[TIMER] = must(timerfd_create(CLOCK_MONOTONIC, 0));
    must(timerfd_settime(sources[TIMER], 0, &(struct itimerspec){{0, 5000000}, {0, 5000000}}, NULL));
    inner = sources[INNER] = must(epoll_create1(0));
    int counter = must(eventfd(1, 0));
    must(epoll_ctl(inner, EPOLL_CTL_ADD, counter, &(struct epoll_event){.events = EPOLLIN, .data.u64 = mix(7)}));

    watch(READY, EPOLLIN);
    watch(QUIET, EPOLLIN);
    watch(WRITABLE, EPOLLOUT);
    watch(SHOT, EPOLLIN | EPOLLONESHOT);
    watch(SHOT_SPENT, EPOLLIN | EPOLLONESHOT);
    watch(TIMER, EPOLLIN);
    watch(EDGE, EPOLLIN | EPOLLET);
    watch(INNER, EPOLLIN);
    watch(CLOSED, EPOLLIN);
    must(write(writers[READY], "x", 1));
    must(write(writers[SHOT_SPENT], "x", 1));
    struct epoll_event event;
    do
        must(epoll_wait(set, &event, 1, 1000));
    while (event.data.u64 != mix(100 + SHOT_SPENT));
    must(write(writers[SHOT], "x", 1));
    twin = must(dup(sources[CLOSED]));
    must(close(sources[CLOSED]));
    must(write(writers[CLOSED], "x", 1));
}

/// A bit for each source that has something to say.
static unsigned ready(void)
{
    struct epoll_event events[SOURCES + 1];
    unsigned found = 0;
    int count = epoll_wait(set, events, SOURCES + 1, 0);
    for (int i = 0; i < count; i++) {
        int which = 0;
        while (which < SOURCES && events[i].data.u64 != mix(100 + (uint64_t)which))
            which++;
        found |= 1u << which;
    }
    return found;
}

static void check(void)
{
    unsigned found = 0;
    // The timer takes a moment.
    soon((found |= ready()) & 1u << TIMER);
    static const int wanted[] = {READY, WRITABLE, TIMER, INNER, CLOSED};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        expect(found & 1u << wanted[i], "%s is told", names[wanted[i]]);
    expect(!(found & (1u << QUIET | 1u << SHOT_SPENT | 1u << EDGE | 1u << SOURCES)), "what says nothing is not told (%x)", found);
    static bool shot;
    expect(!!(found & 1u << SHOT) == !shot, "one shot is told once");
    expect(!(ready() & 1u << SHOT), "and not again");
    shot = true;

    expect(write(writers[QUIET], "x", 1) == 1 && (ready() & 1u << QUIET), "what begins to speak is told");
    uint8_t byte;
    expect(read_all(sources[QUIET], &byte, 1) && !(ready() & 1u << QUIET), "and no longer when it was read");
    expect(write(writers[EDGE], "x", 1) == 1 && (ready() & 1u << EDGE), "an edge is told");
    expect(!(ready() & 1u << EDGE), "an edge is told once");
    expect(read_all(sources[EDGE], &byte, 1), "what an edge told of");
    struct epoll_event event = {0};
    expect(epoll_wait(inner, &event, 1, 0) == 1 && event.data.u64 == mix(7), "a set in the set");
    event = (struct epoll_event){.events = EPOLLIN, .data.u64 = mix(100 + READY)};
    expect(epoll_ctl(set, EPOLL_CTL_ADD, sources[READY], &event) < 0 && errno == EEXIST, "what is watched is known");
    expect(epoll_ctl(set, EPOLL_CTL_MOD, sources[READY], &event) == 0, "and can be changed");
}

static void lose_watch(void) { must(epoll_ctl(set, EPOLL_CTL_DEL, sources[READY], NULL)); }
static void lose_data(void)
{
    struct epoll_event event = {.events = EPOLLOUT, .data.u64 = 1};
    must(epoll_ctl(set, EPOLL_CTL_MOD, sources[WRITABLE], &event));
}
static void lose_edge(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = mix(100 + EDGE)};
    must(epoll_ctl(set, EPOLL_CTL_MOD, sources[EDGE], &event));
}
static void lose_shot(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = mix(100 + SHOT_SPENT)};
    must(epoll_ctl(set, EPOLL_CTL_MOD, sources[SHOT_SPENT], &event));
}
static void lose_closed(void) { must(close(twin)); }
static void lose_inner(void) { must(dup2(must(epoll_create1(0)), inner)); }

const struct kind kind = {
    "epoll", make, NULL, check,
    (const struct loss[]){
        {"a watch", lose_watch}, {"what one is known by", lose_data}, {"that one is an edge", lose_edge},
        {"that a shot is spent", lose_shot}, {"a closed number's file", lose_closed}, {"a set in the set", lose_inner}, {0}},
};
