// Clocks: monotonic and boot time go on from where they stood, and do not count the time in the pocket, which the time of
// day does. The test leaves the session suspended for more than a second, and the hosts' own clocks are a day apart.

#include "kind.h"

#include <pthread.h>

static struct sample {
    int64_t monotonic, boot, real, cpu;
} before_gap, after_gap, last;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool went_back;

static struct sample take(void)
{
    return (struct sample){
        now(CLOCK_MONOTONIC), now(CLOCK_BOOTTIME), now(CLOCK_REALTIME), now(CLOCK_PROCESS_CPUTIME_ID)};
}

/// Keeps the two samples between which the time of day went furthest.
static void *watch(void *unused)
{
    (void)unused;
    for (;;) {
        pthread_mutex_lock(&lock);
        struct sample sample = take();
        if (sample.monotonic < last.monotonic || sample.boot < last.boot)
            went_back = true;
        if (sample.real - last.real > after_gap.real - before_gap.real) {
            before_gap = last;
            after_gap = sample;
        }
        last = sample;
        pthread_mutex_unlock(&lock);
        pause_for(2);
    }
    return NULL;
}

static void make(void)
{
    last = take();
    pthread_t thread;
    must_do(pthread_create(&thread, NULL, watch, NULL));
}

static void fill(void)
{
    pthread_mutex_lock(&lock);
    before_gap = after_gap = last = take();
    went_back = false;
    pthread_mutex_unlock(&lock);
}

static void check(void)
{
    // So that the watching thread has seen that time has passed.
    pause_for(50);
    pthread_mutex_lock(&lock);
    int64_t real = after_gap.real - before_gap.real, monotonic = after_gap.monotonic - before_gap.monotonic;
    int64_t boot = after_gap.boot - before_gap.boot;
    expect(!went_back, "neither clock goes back");
    expect(moved == (real - monotonic > 1000000000), "monotonic time does not count the pocket (%lld and %lld ms)",
           (long long)real / 1000000, (long long)monotonic / 1000000);
    expect(moved == (real - boot > 1000000000), "boot time does not count the pocket (%lld and %lld ms)",
           (long long)real / 1000000, (long long)boot / 1000000);
    pthread_mutex_unlock(&lock);
}

static void lose_monotonic(void)
{
    pthread_mutex_lock(&lock);
    last.monotonic += 1000000000;
    pthread_mutex_unlock(&lock);
    pause_for(20);
}
static void lose_pocket(void)
{
    pthread_mutex_lock(&lock);
    last.real -= 2000000000;
    pthread_mutex_unlock(&lock);
    pause_for(20);
}

const struct kind kind = {
    "clocks", make, fill, check,
    (const struct loss[]){{"where monotonic time stood", lose_monotonic}, {"a part of the time", lose_pocket}, {0}},
};
