// eventfd: counters, flags, and other processes that share one. (Those with EFD_SEMAPHORE, or counts of more than 32 bits,
// are in the way of a suspend.)

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

static int counter, asked, answered;
static uint64_t round_number;

static uint64_t sum(void) { return mix(round_number) >> 32 | 1; }

static void make(void)
{
    counter = must(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    asked = must(eventfd(0, 0));
    answered = must(eventfd(0, 0));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        uint64_t value, key = mix(50) >> 16;
        while (read(asked, &value, sizeof value) == sizeof value) {
            value += key;
            if (write(answered, &value, sizeof value) != sizeof value)
                break;
        }
        _exit(0);
    }
}

static void fill(void)
{
    round_number++;
    uint64_t value = sum();
    must(write(counter, &value, sizeof value));
}

static void check(void)
{
    uint64_t value = 0;
    expect(fcntl(counter, F_GETFD) == FD_CLOEXEC && (fcntl(counter, F_GETFL) & O_NONBLOCK) && fcntl(asked, F_GETFD) == 0,
           "flags");
    expect(read(counter, &value, sizeof value) == sizeof value && value == sum(), "a counter");
    expect(read(counter, &value, sizeof value) < 0 && errno == EAGAIN, "which is zero then");
    value = 1;
    expect(write(asked, &value, sizeof value) == sizeof value && read_all(answered, &value, sizeof value) &&
               value == (mix(50) >> 16) + 1,
           "another process that has it");
}

static void lose_counter(void) { uint64_t one = 1; must(write(counter, &one, sizeof one)); }
static void lose_flags(void) { must(fcntl(counter, F_SETFD, 0)); }
static void lose_process(void) { must(dup2(must(eventfd(0, 0)), asked)); }

const struct kind kind = {
    "eventfd", make, fill, check,
    (const struct loss[]){
        {"a counter", lose_counter}, {"flags", lose_flags}, {"the other process", lose_process}, {0}},
};
