// System calls that wait: each goes on waiting after a move, and returns what it should when its time has come.

#include "kind.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/// How one waits, how it is woken, and whether what it got is right.
struct wait {
    const char *name;
    long (*wait)(void);
    void (*wake)(void);
    long wanted;
    // Whether only a signal's handler may end it with EINTR (signal(7)).
    bool stays;
    // Of its thread.
    pthread_t thread;
    volatile bool over;
    volatile long got;
    volatile int error;
    volatile pid_t id;
};

static int pipe_ends[2], poll_ends[2], select_ends[2], epoll_ends[2], epoll_set, stream[2], full[2], counter;
static int unix_listener, tcp_listener, tcp_client, tcp_server, queue, set, locked, record, holds_lock;
static uint32_t word;
static pid_t child;
static struct sockaddr_un unix_address;
static struct sockaddr_in tcp_address = {.sin_family = AF_INET};

static long wait_read(void) { uint64_t number = 0; return read(pipe_ends[0], &number, 8) == 8 && number == mix(1) ? 1 : 0; }
static void wake_read(void) { uint64_t number = mix(1); must(write(pipe_ends[1], &number, 8)); }
static long wait_poll(void) { struct pollfd entry = {.fd = poll_ends[0], .events = POLLIN}; return poll(&entry, 1, -1); }
static void wake_poll(void) { must(write(poll_ends[1], "x", 1)); }
static long wait_long_poll(void) { struct pollfd entry = {.fd = poll_ends[0], .events = POLLIN}; return poll(&entry, 1, 10000000); }
static long wait_select(void)
{
    fd_set read_set;
    FD_ZERO(&read_set);
    FD_SET(select_ends[0], &read_set);
    return select(select_ends[0] + 1, &read_set, NULL, NULL, NULL);
}
static void wake_select(void) { must(write(select_ends[1], "x", 1)); }
static long wait_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll_set, &event, 1, -1) == 1 && event.data.u64 == mix(2) ? 1 : 0;
}
static void wake_epoll(void) { must(write(epoll_ends[1], "x", 1)); }
static long wait_stream(void) { uint64_t number = 0; return recv(stream[0], &number, 8, MSG_WAITALL) == 8 && number == mix(3); }
static void wake_stream(void) { uint64_t number = mix(3); must(send(stream[1], &number, 8, 0)); }
static long wait_full(void) { return write(full[1], "rest", 4); }
static void wake_full(void) { static uint8_t bytes[65536]; read_all(full[0], bytes, sizeof bytes); }
static long wait_counter(void) { uint64_t number = 0; return read(counter, &number, 8) == 8 && number == mix(4) >> 8; }
static void wake_counter(void) { uint64_t number = mix(4) >> 8; must(write(counter, &number, 8)); }
static long wait_accept(void) { return accept(unix_listener, NULL, NULL) >= 0; }
static void wake_accept(void)
{
    int fd = must(socket(AF_UNIX, SOCK_STREAM, 0));
    must(connect(fd, (struct sockaddr *)&unix_address, sizeof unix_address));
}
static long wait_tcp_accept(void) { return accept(tcp_listener, NULL, NULL) >= 0; }
static void wake_tcp_accept(void)
{
    int fd = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect(fd, (struct sockaddr *)&tcp_address, sizeof tcp_address));
}
static long wait_tcp(void) { uint64_t number = 0; return recv(tcp_client, &number, 8, MSG_WAITALL) == 8 && number == mix(5); }
static void wake_tcp(void) { uint64_t number = mix(5); must(send(tcp_server, &number, 8, 0)); }
static long wait_message(void)
{
    struct { long type; uint64_t number; } message;
    return msgrcv(queue, &message, 8, 9, 0) == 8 && message.number == mix(6);
}
static void wake_message(void) { struct { long type; uint64_t number; } message = {9, mix(6)}; must(msgsnd(queue, &message, 8, 0)); }
static long wait_semaphore(void) { return semop(set, &(struct sembuf){0, -2, 0}, 1); }
static void wake_semaphore(void) { must(semop(set, &(struct sembuf){0, 2, 0}, 1)); }
static long wait_child(void)
{
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
static void wake_child(void) { must(kill(child, SIGTERM)); }
static long wait_futex(void) { return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL); }
static void wake_futex(void) { word = 1; must(syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1)); }
static long wait_lock(void) { return flock(locked, LOCK_EX); }
static void wake_lock(void) { must(flock(holds_lock, LOCK_UN)); }
static long wait_record(void)
{
    struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
    return fcntl(record, F_OFD_SETLKW, &lock);
}
static int record_holder;
static void wake_record(void) { struct flock lock = {.l_type = F_UNLCK, .l_len = 10}; must(fcntl(record_holder, F_OFD_SETLK, &lock)); }

/// Callers who ask into another place what is left go on with that: these may end with EINTR at a move.
static long wait_sleep(void)
{
    struct timespec left = {1000000, 0};
    int error;
    int64_t end = now(CLOCK_MONOTONIC) + 1000000000000000;
    while ((error = clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left)) == EINTR) {
        int64_t off = now(CLOCK_MONOTONIC) + left.tv_sec * 1000000000ll + left.tv_nsec - end;
        if (off > 60000000000 || off < -60000000000)
            return off;
    }
    return error;
}

// Of these hardly a caller looks at what they return.
static long wait_seconds(void) { return sleep(1000000); }
static long wait_microseconds(void) { return usleep(1000000000); }
static long wait_nanoseconds(void) { return nanosleep(&(struct timespec){1000000, 0}, NULL); }
static sem_t semaphore;
static long wait_posix_semaphore(void)
{
    struct timespec end;
    must(clock_gettime(CLOCK_REALTIME, &end));
    end.tv_sec += 1000000;
    return sem_timedwait(&semaphore, &end);
}
static void wake_posix_semaphore(void) { must(sem_post(&semaphore)); }

static struct wait waits[] = {
    {.name = "read, of a pipe", .wait = wait_read, .wake = wake_read, .wanted = 1},
    {.name = "write, to a full pipe", .wait = wait_full, .wake = wake_full, .wanted = 4},
    {.name = "read, of an eventfd", .wait = wait_counter, .wake = wake_counter, .wanted = 1},
    {.name = "poll", .wait = wait_poll, .wake = wake_poll, .wanted = 1, .stays = true},
    {.name = "poll, with a far end", .wait = wait_long_poll, .wake = wake_poll, .wanted = 1, .stays = true},
    {.name = "select", .wait = wait_select, .wake = wake_select, .wanted = 1},
    {.name = "epoll_wait", .wait = wait_epoll, .wake = wake_epoll, .wanted = 1},
    {.name = "recv, of a unix socket", .wait = wait_stream, .wake = wake_stream, .wanted = 1},
    {.name = "accept, of a unix socket", .wait = wait_accept, .wake = wake_accept, .wanted = 1},
    {.name = "recv, of a TCP connection", .wait = wait_tcp, .wake = wake_tcp, .wanted = 1},
    {.name = "accept, of a TCP socket", .wait = wait_tcp_accept, .wake = wake_tcp_accept, .wanted = 1},
    {.name = "msgrcv", .wait = wait_message, .wake = wake_message, .wanted = 1},
    {.name = "semop", .wait = wait_semaphore, .wake = wake_semaphore, .wanted = 0},
    {.name = "waitpid", .wait = wait_child, .wake = wake_child, .wanted = SIGTERM},
    {.name = "futex", .wait = wait_futex, .wake = wake_futex, .wanted = 0},
    {.name = "flock", .wait = wait_lock, .wake = wake_lock, .wanted = 0},
    {.name = "fcntl, of a record lock", .wait = wait_record, .wake = wake_record, .wanted = 0},
    {.name = "sleep", .wait = wait_seconds, .wake = NULL, .wanted = 0, .stays = true},
    {.name = "usleep", .wait = wait_microseconds, .wake = NULL, .wanted = 0, .stays = true},
    {.name = "nanosleep", .wait = wait_nanoseconds, .wake = NULL, .wanted = 0, .stays = true},
    {.name = "sem_timedwait", .wait = wait_posix_semaphore, .wake = wake_posix_semaphore, .wanted = 0, .stays = true},
    {.name = "clock_nanosleep, telling what is left", .wait = wait_sleep, .wake = NULL, .wanted = 0},
};
enum { WAITS = sizeof waits / sizeof *waits };

static void *run(void *argument)
{
    struct wait *self = argument;
    self->id = gettid();
    do {
        errno = 0;
        self->got = self->wait();
        self->error = errno;
        // semop and the like are not restarted after a stop, and callers that wait know that: signal(7).
    } while (self->error == EINTR && !self->stays);
    self->over = true;
    return NULL;
}

static void start(struct wait *wait)
{
    wait->over = false;
    wait->id = 0;
    must_do(pthread_create(&wait->thread, NULL, run, wait));
    if (!soon(wait->id))
        give_up(wait->name, __LINE__);
}

static void make(void)
{
    must(pipe(pipe_ends));
    must(sem_init(&semaphore, 0, 0));
    must(pipe(poll_ends));
    must(pipe(select_ends));
    must(pipe(epoll_ends));
    must(pipe(full));
    must(fcntl(full[1], F_SETFL, O_NONBLOCK));
    static uint8_t bytes[65536];
    must(write(full[1], bytes, sizeof bytes));
    must(fcntl(full[1], F_SETFL, 0));
    epoll_set = must(epoll_create1(0));
    must(epoll_ctl(epoll_set, EPOLL_CTL_ADD, epoll_ends[0], &(struct epoll_event){.events = EPOLLIN, .data.u64 = mix(2)}));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
    counter = must(eventfd(0, 0));
    unix_address.sun_family = AF_UNIX;
    snprintf(unix_address.sun_path + 1, sizeof unix_address.sun_path - 1, "blocked-%llx", (unsigned long long)nonce);
    unix_listener = must(socket(AF_UNIX, SOCK_STREAM, 0));
    must(bind(unix_listener, (struct sockaddr *)&unix_address, sizeof unix_address));
    must(listen(unix_listener, 3));
    tcp_listener = must(socket(AF_INET, SOCK_STREAM, 0));
    tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(bind(tcp_listener, (struct sockaddr *)&tcp_address, sizeof tcp_address));
    must(listen(tcp_listener, 3));
    must(getsockname(tcp_listener, (struct sockaddr *)&tcp_address, &(socklen_t){sizeof tcp_address}));
    tcp_client = must(socket(AF_INET, SOCK_STREAM, 0));
    must(connect(tcp_client, (struct sockaddr *)&tcp_address, sizeof tcp_address));
    tcp_server = must(accept(tcp_listener, NULL, NULL));
    queue = must(msgget(IPC_PRIVATE, 0600));
    set = must(semget(IPC_PRIVATE, 1, 0600));
    locked = must(open("locked", O_CREAT | O_RDWR, 0600));
    holds_lock = must(open("locked", O_RDWR));
    must(flock(holds_lock, LOCK_EX));
    record = must(open("record", O_CREAT | O_RDWR, 0600));
    record_holder = must(open("record", O_RDWR));
    struct flock lock = {.l_type = F_WRLCK, .l_len = 10};
    must(fcntl(record_holder, F_OFD_SETLK, &lock));
    child = must(fork());
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    for (int i = 0; i < WAITS; i++)
        start(&waits[i]);
    pause_for(100);
    // After a stop the kernel has many of them go on as another call, restart_syscall(2).
    pid_t stopper = must(fork());
    if (stopper == 0) {
        kill(getppid(), SIGSTOP);
        pause_for(100);
        kill(getppid(), SIGCONT);
        _exit(0);
    }
    while (waitpid(stopper, NULL, 0) < 0 && errno == EINTR) {}
    pause_for(100);
}

static void check(void)
{
    static bool woken;
    for (int i = 0; i < WAITS; i++) {
        struct wait *wait = &waits[i];
        if (!woken || !wait->wake)
            expect(!wait->over, "%s waits (%ld, %s)", wait->name, wait->got, strerrorname_np(wait->error));
    }
    // Those that wait for the same are told apart by being woken together.
    for (int i = 0; i < WAITS && !woken; i++)
        if (waits[i].wake)
            waits[i].wake();
    for (int i = 0; i < WAITS; i++) {
        struct wait *wait = &waits[i];
        if (wait->wake)
            expect(soon(wait->over) && wait->got == wait->wanted, "%s returns what it should (%ld)", wait->name, wait->got);
    }
    woken = true;
}

static void lose_pipe(void) { wake_read(); pause_for(50); }
static void lose_bytes(void) { must(dup2(must(eventfd(0, 0)), counter)); }
static void lose_thread(void) { end_thread(waits[4].id); }
static void lose_semaphore(void) { must(semctl(set, 0, IPC_RMID)); set = must(semget(IPC_PRIVATE, 1, 0600)); }
static void lose_sleep(void) { end_thread(waits[WAITS - 1].id); waits[WAITS - 1].over = true; }

const struct kind kind = {
    "blocked", make, NULL, check,
    (const struct loss[]){
        {"that a call waits", lose_pipe}, {"what a call waits for", lose_bytes}, {"a thread that waits", lose_thread},
        {"a semaphore", lose_semaphore}, {"a sleep", lose_sleep}, {0}},
};
