// timerfd: running ones, far ones on every clock, one that has gone off and was not read, flags.

#include "kind.h"

#include <fcntl.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { DAY = 86400, TICK_NS = 10000000 };

static int ticking, over, stopped;
static struct far {
    const char *name;
    int clock, fd;
    int64_t end;
} far[] = {
    {.name = "monotonic", .clock = CLOCK_MONOTONIC},
    {.name = "boot time", .clock = CLOCK_BOOTTIME},
    {.name = "time of day", .clock = CLOCK_REALTIME},
};
enum { FAR = sizeof far / sizeof *far };

static void make(void)
{
    ticking = must(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    must(timerfd_settime(ticking, 0, &(struct itimerspec){{0, TICK_NS}, {0, TICK_NS}}, NULL));
    stopped = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
    for (int i = 0; i < FAR; i++) {
        far[i].fd = must(timerfd_create(far[i].clock, TFD_NONBLOCK));
        struct itimerspec time = {.it_interval = {11, 0}};
        must(clock_gettime(far[i].clock, &time.it_value));
        time.it_value.tv_sec += DAY / 2;
        must(timerfd_settime(far[i].fd, TFD_TIMER_ABSTIME, &time, NULL));
        far[i].end = time.it_value.tv_sec * 1000000000ll + time.it_value.tv_nsec;
    }
    over = must(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK));
}

static void fill(void)
{
    must(timerfd_settime(over, 0, &(struct itimerspec){{0, 0}, {0, 1}}, NULL));
    if (!readable(over, 5000))
        give_up("it does not go off", __LINE__);
}

static void check(void)
{
    uint64_t times = 0;
    struct itimerspec left;
    expect(read_all(ticking, &times, sizeof times) && times > 0 && read_all(ticking, &times, sizeof times) && times > 0,
           "one goes on");
    expect(timerfd_gettime(ticking, &left) == 0 && left.it_interval.tv_nsec == TICK_NS, "its interval");
    expect(fcntl(ticking, F_GETFD) == FD_CLOEXEC && !(fcntl(ticking, F_GETFL) & O_NONBLOCK) &&
               (fcntl(over, F_GETFL) & O_NONBLOCK),
           "flags");
    expect(read(over, &times, sizeof times) == sizeof times && times == 1, "one that has gone off");
    expect(read(over, &times, sizeof times) < 0 && errno == EAGAIN, "and only once");
    expect(timerfd_gettime(stopped, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0, "a stopped one");
    for (int i = 0; i < FAR; i++) {
        expect(read(far[i].fd, &times, sizeof times) < 0 && errno == EAGAIN, "a far one has not gone off, %s", far[i].name);
        int64_t difference = 0;
        bool runs = timerfd_gettime(far[i].fd, &left) == 0 && left.it_interval.tv_sec == 11;
        difference = now(far[i].clock) + left.it_value.tv_sec * 1000000000ll + left.it_value.tv_nsec - far[i].end;
        // Within a minute, of half a day.
        expect(runs && difference > -60000000000 && difference < 60000000000, "the end of a far one, %s (%lld s off)",
               far[i].name, (long long)difference / 1000000000);
    }
}

static void lose_ticking(void) { must(timerfd_settime(ticking, 0, &(struct itimerspec){0}, NULL)); }
static void lose_over(void) { uint64_t times; must(read(over, &times, sizeof times)); }
static void lose_end(void) { must(timerfd_settime(far[0].fd, 0, &(struct itimerspec){{11, 0}, {DAY, 0}}, NULL)); }
static void lose_far(void) { must(timerfd_settime(far[1].fd, 0, &(struct itimerspec){{11, 0}, {0, 1}}, NULL)); }

const struct kind kind = {
    "timerfd", make, fill, check,
    (const struct loss[]){
        {"one that runs", lose_ticking}, {"that one has gone off", lose_over}, {"one's end", lose_end},
        {"that one is far from its end", lose_far}, {0}},
};
