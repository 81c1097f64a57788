// A system call filter (seccomp) that a program has put on itself: it must not come back without.

#include "kind.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <unistd.h>

/// What the filter gives for times(2): a number of this run.
static int error_number;
static volatile int thread_error;
static volatile bool thread_asked;

static void *other_thread(void *unused)
{
    (void)unused;
    for (;;) {
        if (thread_asked) {
            errno = 0;
            syscall(SYS_times, NULL);
            thread_error = errno;
            thread_asked = false;
        }
        pause_for(5);
    }
    return NULL;
}

static void make(void)
{
    pthread_t thread;
    must_do(pthread_create(&thread, NULL, other_thread, NULL));
    error_number = (int)(mix(1) % 1000) + 1000;
    struct sock_filter instructions[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_times, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error_number),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof instructions / sizeof *instructions, instructions};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program));
}

static int filtered = SYS_times;

static void check(void)
{
    errno = 0;
    expect(syscall(filtered, NULL) < 0 && errno == error_number, "the filter holds");
    thread_error = 0;
    thread_asked = true;
    expect(soon(!thread_asked) && thread_error == error_number, "of another thread, too");
    expect(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER, "there is one");
    expect(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "and no new privileges");
}

static void lose_filter(void) { filtered = SYS_getppid; }
static void lose_number(void) { error_number++; }

const struct kind kind = {
    "sandbox", make, NULL, check, (const struct loss[]){{"the filter", lose_filter}, {"its answer", lose_number}, {0}},
};
