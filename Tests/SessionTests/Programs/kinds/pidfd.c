// Descriptors of processes: of one that lives, and of one that has ended and was not waited for.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int living_fd, ended_fd;
static pid_t living, ended;
static int pipe_ends[2];

static void make(void)
{
    must(pipe(pipe_ends));
    // Before there is a child that the signal would end.
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    must(sigprocmask(SIG_BLOCK, &one, NULL));
    living = must(fork());
    if (living == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            siginfo_t info;
            uint64_t key = mix(1);
            if (sigwaitinfo(&one, &info) == SIGUSR1 && write(pipe_ends[1], &key, sizeof key) != sizeof key)
                _exit(1);
        }
    }
    living_fd = must((int)syscall(SYS_pidfd_open, living, 0));
    ended = must(fork());
    if (ended == 0)
        _exit(3);
    ended_fd = must((int)syscall(SYS_pidfd_open, ended, 0));
    if (!readable(ended_fd, 5000))
        give_up("it does not end", __LINE__);
}

static void check(void)
{
    uint64_t number = 0;
    expect(!readable(living_fd, 0), "one that lives");
    expect(syscall(SYS_pidfd_send_signal, living_fd, SIGUSR1, NULL, 0) == 0 && read_all(pipe_ends[0], &number, sizeof number) &&
               number == mix(1),
           "gets a signal");
    expect(readable(ended_fd, 0), "one that has ended");
    siginfo_t info = {0};
    expect(waitid((idtype_t)3 /* P_PIDFD */, (id_t)ended_fd, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == ended &&
               info.si_status == 3,
           "and how");
}

static void lose_living(void) { must(dup2(ended_fd, living_fd)); }
static void lose_ended(void) { must(waitpid(ended, NULL, 0)); }

const struct kind kind = {
    "pidfd", make, NULL, check,
    (const struct loss[]){{"a living process", lose_living}, {"how one has ended", lose_ended}, {0}},
};
