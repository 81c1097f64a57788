// signalfd: the signals that it is for, and pending ones that are read from it.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static int fd, second;
static uint64_t round_number;

static void make(void)
{
    sigset_t all, one;
    sigemptyset(&all);
    sigaddset(&all, SIGUSR1);
    sigaddset(&all, SIGRTMIN + 1);
    must(sigprocmask(SIG_BLOCK, &all, NULL));
    fd = must(signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC));
    sigemptyset(&one);
    sigaddset(&one, SIGUSR2);
    must(sigprocmask(SIG_BLOCK, &one, NULL));
    second = must(signalfd(-1, &one, 0));
}

static void fill(void)
{
    round_number++;
    must(kill(getpid(), SIGUSR1));
    must(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = (int)mix(round_number)}));
}

static bool next(uint32_t number, int value)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == number && info.ssi_pid == (uint32_t)getpid() &&
           (number == SIGUSR1 || info.ssi_int == value);
}

static void check(void)
{
    expect(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(second, F_GETFD) == 0, "flags");
    expect(readable(fd, 0), "there is something to read");
    expect(next(SIGUSR1, 0), "a pending signal");
    expect(next((uint32_t)SIGRTMIN + 1, (int)mix(round_number)), "a queued signal and its value");
    struct signalfd_siginfo info;
    expect(read(fd, &info, sizeof info) < 0 && errno == EAGAIN, "and no more");
    expect(!readable(second, 0), "another one has none");
    expect(kill(getpid(), SIGUSR2) == 0 && !readable(fd, 0) && read_all(second, &info, sizeof info) &&
               info.ssi_signo == SIGUSR2,
           "each is for its own signals");
}

static void lose_signal(void) { struct signalfd_siginfo info; must(read(fd, &info, sizeof info)); }
static void lose_mask(void)
{
    sigset_t other;
    sigemptyset(&other);
    sigaddset(&other, SIGUSR1);
    must(signalfd(fd, &other, 0));
}
static void lose_flags(void) { must(fcntl(fd, F_SETFD, 0)); }

const struct kind kind = {
    "signalfd", make, fill, check,
    (const struct loss[]){{"a signal", lose_signal}, {"its signals", lose_mask}, {"flags", lose_flags}, {0}},
};
