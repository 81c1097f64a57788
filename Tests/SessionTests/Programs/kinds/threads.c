// Threads: their ids, names, signal masks, own variables, scheduling, and what they wait for or hold.

#include "kind.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { THREADS = 8 };

enum order { WAIT, TELL, END, LOSE_NAME, LOSE_MASK, LOSE_VARIABLE, LOSE_NICE, LOSE_MUTEX };

static struct worker {
    pthread_t thread;
    enum order order;
    // What it says of itself.
    pid_t id;
    char name[16];
    sigset_t blocked;
    uint64_t variable;
    uint64_t on_stack;
    int nice, policy;
} workers[THREADS];

static __thread uint64_t variable;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ordered = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
/// The first thread has it, all the time.
static pthread_mutex_t held;

static void tell(struct worker *self, uint64_t on_stack)
{
    self->id = gettid();
    prctl(PR_GET_NAME, self->name);
    pthread_sigmask(SIG_SETMASK, NULL, &self->blocked);
    self->variable = variable;
    self->on_stack = on_stack;
    self->nice = getpriority(PRIO_PROCESS, 0);
    self->policy = sched_getscheduler(0);
}

static void *work(void *argument)
{
    struct worker *self = argument;
    unsigned number = (unsigned)(self - workers);
    volatile uint64_t on_stack = mix(100 + number);
    variable = mix(number);
    char name[16] = "worker 0";
    name[7] = (char)('0' + number);
    prctl(PR_SET_NAME, name);
    sigset_t own;
    sigemptyset(&own);
    sigaddset(&own, SIGRTMIN + (int)number);
    pthread_sigmask(SIG_BLOCK, &own, NULL);
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + (int)number % 4);
    if (number % 2 == 1)
        sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0});
    if (number == 0)
        pthread_mutex_lock(&held);

    pthread_mutex_lock(&lock);
    for (;;) {
        while (self->order == WAIT)
            pthread_cond_wait(&ordered, &lock);
        switch (self->order) {
        case LOSE_NAME: prctl(PR_SET_NAME, "other"); break;
        case LOSE_MASK: pthread_sigmask(SIG_UNBLOCK, &own, NULL); break;
        case LOSE_VARIABLE: variable++; break;
        case LOSE_NICE: setpriority(PRIO_PROCESS, 0, 19); break;
        case LOSE_MUTEX: pthread_mutex_unlock(&held); break;
        case END: self->order = WAIT; pthread_cond_signal(&done); pthread_mutex_unlock(&lock); return NULL;
        default: break;
        }
        tell(self, on_stack);
        self->order = WAIT;
        pthread_cond_signal(&done);
    }
}

/// False when it does not answer.
static bool order(struct worker *worker, enum order what)
{
    pthread_mutex_lock(&lock);
    worker->order = what;
    pthread_cond_broadcast(&ordered);
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 5;
    int error = 0;
    while (worker->order != WAIT && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&done, &lock, &end);
    pthread_mutex_unlock(&lock);
    return error == 0;
}

static struct worker before[THREADS];

static void make(void)
{
    pthread_mutexattr_t checked;
    must_do(pthread_mutexattr_init(&checked));
    must_do(pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK));
    must_do(pthread_mutex_init(&held, &checked));
    for (int i = 0; i < THREADS; i++)
        must_do(pthread_create(&workers[i].thread, NULL, work, &workers[i]));
    for (int i = 0; i < THREADS; i++)
        if (!order(&workers[i], TELL))
            give_up("no answer", __LINE__);
    memcpy(before, workers, sizeof before);
}

static void check(void)
{
    for (int i = 0; i < THREADS; i++) {
        struct worker *now = &workers[i], *then = &before[i];
        now->id = 0;
        expect(order(now, TELL), "thread %d answers", i);
        expect(now->id == then->id, "thread %d has its id", i);
        expect(strcmp(now->name, then->name) == 0, "thread %d has its name", i);
        expect(memcmp(&now->blocked, &then->blocked, sizeof now->blocked) == 0, "thread %d blocks its signals", i);
        expect(now->variable == mix((uint64_t)i), "thread %d has its own variable", i);
        expect(now->on_stack == mix(100 + (uint64_t)i), "thread %d has its stack", i);
        expect(now->nice == then->nice && now->policy == then->policy, "thread %d is scheduled as before", i);
    }
    expect(pthread_mutex_trylock(&held) == EBUSY, "a mutex is held by another thread");
}

static void lose_thread(void) { order(&workers[3], END); }
static void lose_name(void) { order(&workers[2], LOSE_NAME); }
static void lose_mask(void) { order(&workers[2], LOSE_MASK); }
static void lose_variable(void) { order(&workers[2], LOSE_VARIABLE); }
static void lose_nice(void) { order(&workers[2], LOSE_NICE); }
static void lose_mutex(void) { order(&workers[0], LOSE_MUTEX); }

const struct kind kind = {
    "threads", make, NULL, check,
    (const struct loss[]){
        {"a thread", lose_thread}, {"a thread's name", lose_name}, {"a signal mask", lose_mask},
        {"a thread's own variable", lose_variable}, {"a nice value", lose_nice}, {"a mutex", lose_mutex}, {0}},
};
