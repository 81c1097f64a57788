// Timers that signal: setitimer's and POSIX ones, of every clock, running on and far from their end.

#include "kind.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define sigev_notify_thread_id _sigev_un._tid

enum { DAY = 86400, TICK_NS = 10000000 };

static volatile sig_atomic_t real_ticks, virtual_ticks, profile_ticks, posix_ticks, thread_ticks;
static volatile int posix_value;
static timer_t ticking, threads, far_monotonic, far_real, far_boot, idle;
static int64_t far_end_monotonic, far_end_real, far_end_boot;

static void count_real(int signal) { (void)signal; real_ticks++; }
static void count_virtual(int signal) { (void)signal; virtual_ticks++; }
static void count_profile(int signal) { (void)signal; profile_ticks++; }
static void count_thread(int signal) { (void)signal; thread_ticks++; }
static void count_posix(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    posix_value = info->si_value.sival_int;
    posix_ticks++;
}

static void handle(int signal, void (*handler)(int))
{
    must(sigaction(signal, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_RESTART}, NULL));
}

static timer_t create(int clock, int signal, int value)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal, .sigev_value.sival_int = value};
    must(timer_create(clock, &event, &timer));
    return timer;
}

/// Far from its end, given as a time of its clock. Gives that, ns.
static int64_t start_far(timer_t timer, int clock)
{
    struct itimerspec time = {.it_interval = {7, 0}};
    must(clock_gettime(clock, &time.it_value));
    time.it_value.tv_sec += DAY / 2;
    must(timer_settime(timer, TIMER_ABSTIME, &time, NULL));
    return time.it_value.tv_sec * 1000000000ll + time.it_value.tv_nsec;
}

static void make(void)
{
    handle(SIGALRM, count_real);
    handle(SIGVTALRM, count_virtual);
    handle(SIGPROF, count_profile);
    handle(SIGRTMIN + 1, count_thread);
    must(sigaction(SIGRTMIN, &(struct sigaction){.sa_sigaction = count_posix, .sa_flags = SA_SIGINFO | SA_RESTART}, NULL));
    struct itimerval often = {{0, TICK_NS / 1000}, {0, TICK_NS / 1000}};
    must(setitimer(ITIMER_REAL, &often, NULL));
    must(setitimer(ITIMER_VIRTUAL, &often, NULL));
    must(setitimer(ITIMER_PROF, &often, NULL));

    // Numbers with a gap: they have to be the same afterwards.
    timer_t gone = create(CLOCK_MONOTONIC, SIGRTMIN, 0);
    ticking = create(CLOCK_MONOTONIC, SIGRTMIN, (int)(mix(1) & 0x7fffffff));
    must(timer_delete(gone));
    must(timer_settime(ticking, 0, &(struct itimerspec){{0, TICK_NS}, {0, TICK_NS}}, NULL));
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1};
    event.sigev_notify_thread_id = gettid();
    must(timer_create(CLOCK_REALTIME, &event, &threads));
    must(timer_settime(threads, 0, &(struct itimerspec){{0, TICK_NS}, {0, TICK_NS}}, NULL));
    far_monotonic = create(CLOCK_MONOTONIC, SIGRTMIN + 2, 0);
    far_real = create(CLOCK_REALTIME, SIGRTMIN + 2, 0);
    far_boot = create(CLOCK_BOOTTIME, SIGRTMIN + 2, 0);
    idle = create(CLOCK_MONOTONIC, SIGRTMIN + 2, 0);
    far_end_monotonic = start_far(far_monotonic, CLOCK_MONOTONIC);
    far_end_real = start_far(far_real, CLOCK_REALTIME);
    far_end_boot = start_far(far_boot, CLOCK_BOOTTIME);
}

/// Uses the processor, so that timers which measure that go on.
static bool goes_on(volatile sig_atomic_t *ticks)
{
    sig_atomic_t before = *ticks;
    int64_t end = now(CLOCK_MONOTONIC) + 10000000000;
    while (*ticks < before + 3 && now(CLOCK_MONOTONIC) < end) {}
    return *ticks >= before + 3;
}

/// Goes off when it would have, on its own clock: within a minute, of half a day.
static bool ends_at(timer_t timer, int clock, int64_t end)
{
    struct itimerspec left;
    if (timer_gettime(timer, &left) < 0 || left.it_interval.tv_sec != 7)
        return false;
    int64_t difference = now(clock) + left.it_value.tv_sec * 1000000000ll + left.it_value.tv_nsec - end;
    return difference > -60000000000 && difference < 60000000000;
}

static void check(void)
{
    struct itimerval interval = {0};
    expect(getitimer(ITIMER_REAL, &interval) == 0 && interval.it_interval.tv_usec == TICK_NS / 1000, "setitimer's interval");
    expect(goes_on(&real_ticks), "setitimer's real timer");
    expect(goes_on(&virtual_ticks), "setitimer's virtual timer");
    expect(goes_on(&profile_ticks), "setitimer's profiling timer");
    expect(goes_on(&posix_ticks) && posix_value == (int)(mix(1) & 0x7fffffff), "a POSIX timer and its value");
    expect(goes_on(&thread_ticks), "a POSIX timer of one thread");
    expect(ends_at(far_monotonic, CLOCK_MONOTONIC, far_end_monotonic), "the end of a monotonic timer");
    expect(ends_at(far_boot, CLOCK_BOOTTIME, far_end_boot), "the end of a boot time timer");
    expect(ends_at(far_real, CLOCK_REALTIME, far_end_real), "the end of a timer of the time of day");
    struct itimerspec left;
    expect(timer_gettime(idle, &left) == 0 && left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0, "an idle timer");
    timer_t another = create(CLOCK_MONOTONIC, SIGRTMIN + 2, 0);
    expect(another != ticking && another != threads && another != idle, "a new timer is another one");
    timer_delete(another);
}

static void lose_real(void) { must(setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL)); }
static void lose_virtual(void) { must(setitimer(ITIMER_VIRTUAL, &(struct itimerval){0}, NULL)); }
static void lose_posix(void) { must(timer_settime(ticking, 0, &(struct itimerspec){0}, NULL)); }
static void lose_end(void) { must(timer_settime(far_boot, 0, &(struct itimerspec){{7, 0}, {60, 0}}, NULL)); }
static void lose_timer(void) { must(timer_delete(far_real)); }

const struct kind kind = {
    "timers", make, NULL, check,
    (const struct loss[]){
        {"setitimer's timer", lose_real}, {"the virtual timer", lose_virtual}, {"a POSIX timer", lose_posix},
        {"a timer's end", lose_end}, {"a far timer", lose_timer}, {0}},
};
