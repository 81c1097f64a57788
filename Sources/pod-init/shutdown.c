#include "shutdown.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "program.h"

/// How long SIGKILL may take: a process can hang in the kernel, and the kernel ends it when we are gone.
#define KILL_MS 5000

/// How long attached clients get to take the last output. What the socket already holds they can read afterwards
/// too.
#define DELIVERY_MS 5000

/// How often a terminal is hung up.
#define HANG_UP_MS 1000

static enum phase {
    RUNNING,
    TERMINATING,
    KILLING,
    DELIVERING,
    OVER,
} phase;

static struct watch timer = {.fd = -1};
static uint64_t deadline_ms;

bool shutdown_prepare(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return false;
    watch_init(&timer, fd, WATCH_TIMER, 0);
    watch_want(&timer, EPOLLIN);
    return true;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/// Sets the timer to the deadline, or to the next hang-up before it.
static void set_timer(void)
{
    uint64_t now = now_ms();
    uint64_t left = deadline_ms > now ? deadline_ms - now : 0;
    if (phase == TERMINATING && left > HANG_UP_MS)
        left = HANG_UP_MS;
    // All zero would disarm it.
    struct itimerspec time = {
        .it_value = {.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000) * 1000000 + 1},
    };
    timerfd_settime(timer.fd, 0, &time, NULL);
}

static void enter(enum phase next, uint32_t limit_ms)
{
    phase = next;
    deadline_ms = now_ms() + limit_ms;
    set_timer();
}

/// An interactive shell ignores SIGTERM and goes when its terminal does. bash overlooks the signal when it comes
/// just before the read of the next line, so it is repeated.
static void hang_up_terminals(void)
{
    for (struct program *program = programs; program < programs + PROGRAM_LIMIT; program++)
        if (program->state == PROGRAM_RUNNING && program->flags & PodInitFlagTTY)
            kill(-program->pid, SIGHUP);
}

void shutdown_begin(uint32_t grace_ms)
{
    if (phase == RUNNING) {
        // -1 is every process of the pid namespace but ourselves.
        kill(-1, SIGTERM);
        hang_up_terminals();
        kill(-1, SIGCONT);
        enter(TERMINATING, grace_ms);
    } else if (phase == TERMINATING && now_ms() + grace_ms < deadline_ms) {
        enter(TERMINATING, grace_ms);
    }
}

bool shutdown_begun(void)
{
    return phase != RUNNING;
}

void shutdown_timer(void)
{
    uint64_t expirations;
    if (read(timer.fd, &expirations, sizeof expirations) < 0)
        return;
    if (phase == TERMINATING && now_ms() < deadline_ms) {
        hang_up_terminals();
        set_timer();
    } else if (phase == TERMINATING) {
        kill(-1, SIGKILL);
        enter(KILLING, KILL_MS);
    } else if (phase == KILLING) {
        enter(DELIVERING, DELIVERY_MS);
    } else if (phase == DELIVERING) {
        phase = OVER;
    }
}

/// Orphans become our children, so when there are none, nobody is left.
static bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

bool shutdown_finished(void)
{
    if ((phase == TERMINATING || phase == KILLING) && !has_children())
        enter(DELIVERING, DELIVERY_MS);
    if (phase == DELIVERING && !programs_unreported() && clients_idle(UINT32_MAX))
        phase = OVER;
    if (phase != OVER)
        return false;
    // What could not be delivered goes to the logs.
    clients_drop();
    return true;
}

int shutdown_code(void)
{
    struct program *program = program_main();
    if (program == NULL)
        return 0;
    // Killed, and still hanging in the kernel.
    if (program->state != PROGRAM_EXITED)
        return 128 + SIGKILL;
    return program->signal != 0 ? 128 + program->signal : program->code;
}
