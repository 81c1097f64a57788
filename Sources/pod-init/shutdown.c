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

/// How long attached clients get to take the last output. What the socket already holds they can read afterwards too.
#define DELIVERY_MS 5000

static enum {
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

static void arm(uint32_t after_ms)
{
    // All zero would disarm it.
    struct itimerspec time = {.it_value = {.tv_sec = after_ms / 1000, .tv_nsec = after_ms % 1000 * 1000000 + 1}};
    timerfd_settime(timer.fd, 0, &time, NULL);
    deadline_ms = now_ms() + after_ms;
}

static void terminate_all(void)
{
    // -1 is every process of the pid namespace but ourselves.
    kill(-1, SIGTERM);
    // An interactive shell ignores SIGTERM and goes when its terminal does.
    for (struct program *program = programs; program < programs + PROGRAM_LIMIT; program++)
        if (program->state == PROGRAM_RUNNING && program->flags & PodInitFlagTTY)
            kill(-program->pid, SIGHUP);
    kill(-1, SIGCONT);
}

void shutdown_begin(uint32_t grace_ms)
{
    if (phase == RUNNING) {
        phase = TERMINATING;
        terminate_all();
        arm(grace_ms);
    } else if (phase == TERMINATING && now_ms() + grace_ms < deadline_ms) {
        arm(grace_ms);
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
    if (phase == TERMINATING) {
        phase = KILLING;
        kill(-1, SIGKILL);
        arm(KILL_MS);
    } else if (phase == KILLING) {
        phase = DELIVERING;
        arm(DELIVERY_MS);
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
    if ((phase == TERMINATING || phase == KILLING) && !has_children()) {
        phase = DELIVERING;
        arm(DELIVERY_MS);
    }
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
