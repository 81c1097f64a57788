// Signals: pending and blocked ones, of the process and of one thread, with what came with them; handlers, masks,
// alternate stacks; a signal when there is input; threads that wait for one.

#include "kind.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { QUEUED = 5 };
#define QUEUE_SIGNAL (SIGRTMIN + 1)
#define INPUT_SIGNAL (SIGRTMIN + 2)
#define WAIT_SIGNAL (SIGRTMIN + 3)
#define THREAD_SIGNAL (SIGRTMIN + 4)

static volatile sig_atomic_t user_signals, input_signals;
static volatile int input_fd;
static pthread_t pending_thread, waiting_thread;
static volatile pid_t pending_id, waiting_id;
static volatile bool asks_pending, waiting;
static volatile bool had_pending;
static volatile uint64_t waited_for;
static uint8_t other_stack[32768];
static int input[2];
static sigset_t blocked;
static uint64_t round_number;

static void count(int signal) { (void)signal; user_signals++; }
static void count_input(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    input_fd = info->si_fd;
    input_signals++;
}

static uint32_t value_of(int number) { return (uint32_t)mix(round_number * 10 + (uint64_t)number); }

/// Has a signal pending that is sent to it alone.
static void *keep_pending(void *unused)
{
    (void)unused;
    pending_id = gettid();
    for (;;) {
        if (asks_pending) {
            sigset_t own;
            siginfo_t info = {0};
            sigemptyset(&own);
            sigaddset(&own, THREAD_SIGNAL);
            had_pending = sigtimedwait(&own, &info, &(struct timespec){0}) == THREAD_SIGNAL &&
                          (uint32_t)info.si_value.sival_int == value_of(9);
            asks_pending = false;
        }
        pause_for(5);
    }
    return NULL;
}

/// Waits in sigwaitinfo all the time.
static void *keep_waiting(void *unused)
{
    (void)unused;
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, WAIT_SIGNAL);
    waiting_id = gettid();
    for (;;) {
        siginfo_t info = {0};
        waiting = true;
        if (sigwaitinfo(&own, &info) == WAIT_SIGNAL)
            waited_for = (uint32_t)info.si_value.sival_int;
    }
    return NULL;
}

static void make(void)
{
    sigemptyset(&blocked);
    static const int numbers[] = {SIGUSR1, SIGHUP};
    for (int i = 0; i < 2; i++)
        sigaddset(&blocked, numbers[i]);
    sigaddset(&blocked, QUEUE_SIGNAL);
    sigaddset(&blocked, WAIT_SIGNAL);
    sigaddset(&blocked, THREAD_SIGNAL);
    must(sigprocmask(SIG_SETMASK, &blocked, NULL));
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART | SA_ONSTACK};
    sigaddset(&action.sa_mask, SIGTERM);
    must(sigaction(SIGUSR1, &action, NULL));
    must(sigaction(SIGUSR2, &action, NULL));
    must(sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN, .sa_flags = SA_NOCLDWAIT}, NULL));
    must(sigaltstack(&(stack_t){.ss_sp = other_stack, .ss_size = sizeof other_stack}, NULL));

    must_do(pthread_create(&pending_thread, NULL, keep_pending, NULL));
    must_do(pthread_create(&waiting_thread, NULL, keep_waiting, NULL));
    if (!soon(pending_id && waiting))
        give_up("no threads", __LINE__);

    must(sigaction(INPUT_SIGNAL, &(struct sigaction){.sa_sigaction = count_input, .sa_flags = SA_SIGINFO | SA_RESTART}, NULL));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, input));
    must(fcntl(input[0], F_SETOWN, getpid()));
    must(fcntl(input[0], F_SETSIG, INPUT_SIGNAL));
    must(fcntl(input[0], F_SETFL, O_ASYNC | O_NONBLOCK));
}

static void fill(void)
{
    round_number++;
    for (int number = 0; number < QUEUED; number++)
        must(sigqueue(getpid(), QUEUE_SIGNAL, (union sigval){.sival_int = (int)value_of(number)}));
    must(kill(getpid(), SIGUSR1));
    siginfo_t info = {.si_code = SI_QUEUE};
    info.si_pid = getpid();
    info.si_value.sival_int = (int)value_of(9);
    must(syscall(SYS_rt_tgsigqueueinfo, getpid(), pending_id, THREAD_SIGNAL, &info));
}

static void check(void)
{
    sigset_t found, wanted;
    bool same = sigprocmask(SIG_SETMASK, NULL, &found) == 0;
    for (int number = 1; number < NSIG; number++)
        same = same && sigismember(&found, number) == sigismember(&blocked, number);
    expect(same, "the mask");
    expect(sigpending(&found) == 0 && sigismember(&found, SIGUSR1) && sigismember(&found, QUEUE_SIGNAL) &&
               !sigismember(&found, SIGHUP),
           "what is pending");
    sigemptyset(&wanted);
    sigaddset(&wanted, QUEUE_SIGNAL);
    same = true;
    for (int number = 0; number < QUEUED; number++) {
        siginfo_t info = {0};
        same = same && sigtimedwait(&wanted, &info, &(struct timespec){0}) == QUEUE_SIGNAL &&
               (uint32_t)info.si_value.sival_int == value_of(number) && info.si_code == SI_QUEUE && info.si_pid == getpid();
    }
    expect(same, "queued signals, in order and with their values");
    expect(sigtimedwait(&wanted, NULL, &(struct timespec){0}) < 0 && errno == EAGAIN, "and no more");
    asks_pending = true;
    expect(soon(!asks_pending) && had_pending, "a signal to one thread");

    int before = user_signals;
    sigset_t open = blocked;
    sigdelset(&open, SIGUSR1);
    sigprocmask(SIG_SETMASK, &open, NULL);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    expect(user_signals == before + 1, "a pending signal is delivered when it is no longer blocked");
    struct sigaction action;
    expect(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == count && sigismember(&action.sa_mask, SIGTERM) &&
               (action.sa_flags & (SA_RESTART | SA_ONSTACK)) == (SA_RESTART | SA_ONSTACK),
           "a handler");
    expect(sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN && (action.sa_flags & SA_NOCLDWAIT),
           "an ignored signal");
    stack_t stack;
    expect(sigaltstack(NULL, &stack) == 0 && stack.ss_sp == other_stack && stack.ss_size == sizeof other_stack,
           "an alternate stack");

    waited_for = 0;
    expect(sigqueue(getpid(), WAIT_SIGNAL, (union sigval){.sival_int = 77}) == 0 && soon(waited_for == 77),
           "a thread that waits for a signal");
    before = input_signals;
    input_fd = -1;
    uint8_t byte;
    expect(write(input[1], "x", 1) == 1 && soon(input_signals == before + 1) && input_fd == input[0] &&
               read_all(input[0], &byte, 1),
           "a signal when there is input (%d, flags %o, owner %d, signal %d)", input_fd, fcntl(input[0], F_GETFL),
           fcntl(input[0], F_GETOWN), fcntl(input[0], F_GETSIG));
}

static void lose_mask(void) { sigset_t other = blocked; sigdelset(&other, SIGHUP); sigprocmask(SIG_SETMASK, &other, NULL); }
static void lose_queued(void)
{
    sigset_t wanted;
    sigemptyset(&wanted);
    sigaddset(&wanted, QUEUE_SIGNAL);
    must(sigtimedwait(&wanted, NULL, &(struct timespec){0}));
}
static void lose_threads(void) { asks_pending = true; soon(!asks_pending); }
static void lose_handler(void) { signal(SIGUSR2, SIG_DFL); }
static void lose_stack(void) { must(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL)); }
static void lose_waiting(void) { end_thread(waiting_id); }
static void lose_owner(void) { must(fcntl(input[0], F_SETSIG, SIGIO)); signal(SIGIO, SIG_IGN); }

const struct kind kind = {
    "signals", make, fill, check,
    (const struct loss[]){
        {"the mask", lose_mask}, {"a queued signal", lose_queued}, {"a thread's signal", lose_threads},
        {"a handler", lose_handler}, {"an alternate stack", lose_stack}, {"a waiting thread", lose_waiting},
        {"whom input signals", lose_owner}, {0}},
};
