// What is in the way of a suspend: holds it, and says so in a file.
//
//   obstacle NAME FILE

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char *what)
{
    if (result >= 0)
        return;
    perror(what);
    exit(1);
}

static void packets(void)
{
    int ends[2];
    must(pipe2(ends, O_DIRECT), "pipe2");
}

static void semaphore(void) { must(eventfd(3, EFD_SEMAPHORE), "eventfd"); }

static void count(void)
{
    uint64_t large = 1ull << 40;
    must(write(eventfd(0, 0), &large, sizeof large), "eventfd");
}

static void notified(void)
{
    mqd_t queue = mq_open("/told", O_CREAT | O_RDWR, 0600, NULL);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    must(mq_notify(queue, &event), "mq_notify");
}

static void nameless(void)
{
    must(mq_open("/named", O_CREAT | O_RDWR, 0600, NULL), "mq_open");
    must(mq_open("/gone", O_CREAT | O_RDWR, 0600, NULL), "mq_open");
    must(mq_unlink("/gone"), "mq_unlink");
}

static void traced(void)
{
    pid_t child = fork();
    must(child, "fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ptrace(PTRACE_TRACEME);
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    must(waitpid(child, NULL, WUNTRACED), "waitpid");
}

static void credentials(void)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
    must(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)), "SO_PASSCRED");
    must(write(ends[1], "x", 1), "write");
}

static void watched(void)
{
    must(open("watched", O_CREAT | O_RDWR, 0600), "open");
    must(inotify_add_watch(inotify_init1(0), "watched", IN_MODIFY), "inotify_add_watch");
    must(unlink("watched"), "unlink");
}

static int interfaces(unsigned groups)
{
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    must(fd, "socket");
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    must(bind(fd, (struct sockaddr *)&address, sizeof address), "bind");
    return fd;
}

/// The kernel's, to a question about the loopback interface.
static void answer(void)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg message;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST},
        .message = {.ifi_index = 1},
    };
    must(send(interfaces(0), &request, sizeof request, 0), "send");
}

/// Is in the way once there are some.
static void news(void) { interfaces(RTMGRP_LINK); }

/// Has another queue open whenever somebody looks, and never one without a name.
static void restless(void)
{
    pid_t child = fork();
    must(child, "fork");
    if (child != 0)
        return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    mqd_t last = -1;
    for (int turn = 0;; turn++) {
        mqd_t next = mq_open(turn % 2 ? "/odd" : "/even", O_CREAT | O_RDWR, 0600, NULL);
        must(next, "mq_open");
        if (last >= 0) {
            must(mq_close(last), "mq_close");
            must(mq_unlink(turn % 2 ? "/even" : "/odd"), "mq_unlink");
        }
        last = next;
        usleep(1000);
    }
}

/// Begins a program, but not at once: whoever has begun its process waits in vfork(2) until then.
static void spawn_after(unsigned milliseconds)
{
    int ends[2];
    char byte = 0;
    must(pipe(ends), "pipe");
    pid_t child = fork();
    must(child, "fork");
    if (child != 0) {
        must(read(ends[0], &byte, 1), "read");
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (vfork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!write(ends[1], &byte, 1);
        usleep(milliseconds * 1000);
        execl("/bin/sleep", "sleep", "100000", NULL);
        _exit(1);
    }
    for (;;)
        pause();
}

static void *rest(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

static void threaded(void)
{
    for (int i = 0; i < 60; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, rest, NULL) != 0)
            abort();
    }
}

static void spawning(void) { spawn_after(600); }

static void vforking(void) { spawn_after(1000000); }

static const struct {
    const char *name;
    void (*make)(void);
} obstacles[] = {
    {"packets", packets}, {"semaphore", semaphore}, {"count", count}, {"notified", notified}, {"nameless", nameless},
    {"traced", traced}, {"credentials", credentials}, {"watched", watched},
    {"answer", answer}, {"news", news}, {"restless", restless}, {"spawning", spawning},
    {"vforking", vforking}, {"threaded", threaded},
};

int main(int argument_count, char **arguments)
{
    if (argument_count != 3 || chdir("/root") < 0)
        return 64;
    for (size_t i = 0; i < sizeof obstacles / sizeof *obstacles; i++) {
        if (strcmp(arguments[1], obstacles[i].name) != 0)
            continue;
        obstacles[i].make();
        must(open(arguments[2], O_CREAT | O_EXCL | O_WRONLY, 0600), arguments[2]);
        for (;;)
            pause();
    }
    return 64;
}
