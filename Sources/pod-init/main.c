// pod-init: PID 1 of a pod.
//
// Starts programs on request, reaps everything, owns the programs' output, ends the pod. One thread, one epoll
// loop, nothing that waits: a client of the host may be slow, frozen or gone. And nothing that the host owns stays
// open, for a pod whose first process held a file or a pipe of the host could not be checkpointed.

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "PodInitABI.h"
#include "activation.h"
#include "client.h"
#include "log.h"
#include "program.h"
#include "shutdown.h"
#include "spawn.h"
#include "watch.h"

/// The exit code for a failure of pod-init itself, as of other container tools.
#define EXIT_OWN_FAILURE 125

static struct watch signals = {.fd = -1};

/// Sent on to the main program.
static const int forwarded[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

static bool watch_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        sigaddset(&set, forwarded[i]);
    // The kernel throws a signal away that PID 1 has no handler for, unless it is blocked.
    if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
        return false;
    // Writing to a program that no longer reads must be an error and not a signal.
    signal(SIGPIPE, SIG_IGN);

    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    watch_init(&signals, fd, WATCH_SIGNALS, 0);
    watch_want(&signals, EPOLLIN);
    return fd >= 0;
}

static void handle_signal(int number)
{
    if (number == SIGCHLD) {
        programs_reap();
        return;
    }
    struct program *program = program_main();
    if (program == NULL) {
        if (number == SIGTERM || number == SIGINT)
            shutdown_begin(SHUTDOWN_GRACE_MS);
        return;
    }
    // Between fork and setsid the group does not exist yet.
    if (program->state != PROGRAM_EXITED && kill(-program->pid, number) < 0 && errno == ESRCH)
        kill(program->pid, number);
}

static void read_signals(void)
{
    struct signalfd_siginfo info;
    while (read(signals.fd, &info, sizeof info) == sizeof info)
        handle_signal((int)info.ssi_signo);
}

static void handle_program(const struct watch_event *event)
{
    struct program *program = program_of_event(event->owner);
    if (program == NULL)
        return;
    switch (event->kind) {
    case WATCH_EXEC_STATUS:
        if (program->state == PROGRAM_STARTING)
            program_exec_status(program);
        break;
    case WATCH_INPUT:
        input_ready(program);
        break;
    case WATCH_OUTPUT:
        // A terminal is written to through the same descriptor.
        if (event->events & EPOLLOUT)
            input_ready(program);
        if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            output_ready(program, 0);
        break;
    case WATCH_ERROR_OUTPUT:
        output_ready(program, 1);
        break;
    default:
        break;
    }
}

static void handle(const struct watch_event *event)
{
    switch (event->kind) {
    case WATCH_SIGNALS:
        read_signals();
        break;
    case WATCH_LISTENER:
        clients_accept();
        break;
    case WATCH_TIMER:
        shutdown_timer();
        break;
    case WATCH_ACTIVATION:
        activation_ready(event->owner);
        break;
    case WATCH_CLIENT:
        client_ready(event->owner, event->events);
        break;
    default:
        handle_program(event);
    }
}

/// Leaves 0, 1 and 2, for messages; the rest may be files of the host that the runtime forgot.
static void close_inherited(void)
{
    if (close_range(3, ~0u, 0) == 0)
        return;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        for (rlim_t fd = 3; fd < limit.rlim_cur && fd < 1 << 20; fd++)
            close((int)fd);
}

static bool use_null(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return false;
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            return false;
    // With all three closed at the start, null may be one of them.
    if (null > 2)
        close(null);
    return true;
}

/// Returns NULL, or what failed (see errno).
static const char *prepare(void)
{
    close_inherited();
    umask(022);
    if (chdir("/") < 0)
        return "chdir(/)";
    if (!watch_open())
        return "epoll_create1()";
    if (!watch_signals())
        return "signalfd()";
    if (!shutdown_prepare())
        return "timerfd_create()";
    spawn_prepare();
    log_prepare();
    const char *failure = clients_listen();
    if (failure != NULL)
        return failure;
    activation_listen();
    // Last: whatever failed before has been told to whoever started us.
    return use_null() ? NULL : "/dev/null";
}

int main(void)
{
    // kill(-1) must not reach a whole host.
    if (getpid() != 1) {
        fprintf(stderr, "pod-init: is the first process of a pod, and not to be started otherwise\n");
        return EXIT_OWN_FAILURE;
    }
    const char *failure = prepare();
    if (failure != NULL) {
        fprintf(stderr, "pod-init: %s: %s\n", failure, strerror(errno));
        return EXIT_OWN_FAILURE;
    }
    activation_start();

    while (!shutdown_finished()) {
        struct watch_event events[64];
        int count = watch_wait(events, 64);
        for (int i = 0; i < count; i++)
            handle(&events[i]);
    }
    unlink(POD_INIT_SOCKET);
    return shutdown_code();
}
