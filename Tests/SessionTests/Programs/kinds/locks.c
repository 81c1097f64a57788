// File locks: flock's, record locks of a process and of an open file, on disk and in memory; locks of another process, and
// one that waits.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

static int whole, shared_lock, records, open_file, probe_whole, probe_shared, probe_records, probe_open, in_memory, contended;
static char memory[64];
static struct shared {
    pid_t holder;
    bool holds, waits, has, done;
} *shared;

static int open_file_named(const char *name) { return must(open(name, O_CREAT | O_RDWR, 0644)); }

static void set(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    must(fcntl(fd, command, &lock));
}

/// Who is in the way of a lock: 0 for nobody, -1 for an open file.
static pid_t in_the_way(int fd, int command, short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    if (fcntl(fd, command, &lock) < 0)
        return -2;
    return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static void make(void)
{
    shared = must(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    snprintf(memory, sizeof memory, "/dev/shm/lock-%llx", (unsigned long long)nonce);
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open_file_named("records");
        set(fd, F_SETLK, F_WRLCK, 1000, 50);
        int first = open_file_named("contended");
        shared->holder = getpid();
        shared->holds = true;
        while (!shared->waits)
            pause_for(5);
        // Its parent has it.
        while (flock(first, LOCK_EX) < 0 && errno == EINTR) {}
        shared->has = true;
        for (;;)
            pause_for(1000);
    }
    if (!soon(shared->holds))
        give_up("the other process", __LINE__);

    whole = open_file_named("whole");
    must(flock(whole, LOCK_EX));
    probe_whole = open_file_named("whole");
    shared_lock = open_file_named("shared");
    must(flock(shared_lock, LOCK_SH));
    probe_shared = open_file_named("shared");
    in_memory = open_file_named(memory);
    must(flock(in_memory, LOCK_EX));
    records = open_file_named("records");
    set(records, F_SETLK, F_WRLCK, 10, 20);
    set(records, F_SETLK, F_RDLCK, 100, 900);
    // A record lock conflicts with one of an open file, also of the same process.
    probe_records = records;
    open_file = open_file_named("open");
    set(open_file, F_OFD_SETLK, F_WRLCK, 5, 6);
    set(open_file, F_OFD_SETLK, F_RDLCK, 50, 6);
    probe_open = open_file_named("open");
    contended = open_file_named("contended");
    must(flock(contended, LOCK_EX));
    shared->waits = true;
    pause_for(50);
}

static void check(void)
{
    expect(flock(probe_whole, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK, "an exclusive lock");
    expect(flock(probe_shared, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK, "a shared lock");
    expect(flock(probe_shared, LOCK_SH | LOCK_NB) == 0 && flock(probe_shared, LOCK_UN) == 0, "which is shared");
    int probe = open(memory, O_RDWR);
    expect(flock(probe, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK, "a lock in memory");
    close(probe);
    expect(in_the_way(probe_records, F_OFD_GETLK, F_WRLCK, 5, 6) == getpid(), "a record lock");
    expect(in_the_way(probe_records, F_OFD_GETLK, F_WRLCK, 30, 40) == 0, "and where it ends");
    expect(in_the_way(probe_records, F_OFD_GETLK, F_RDLCK, 500, 40) == 0 &&
               in_the_way(probe_records, F_OFD_GETLK, F_WRLCK, 500, 40) == getpid(),
           "a record lock to read");
    expect(in_the_way(records, F_GETLK, F_RDLCK, 1000, 50) == shared->holder, "a record lock of another process");
    expect(in_the_way(probe_open, F_OFD_GETLK, F_RDLCK, 0, 8) == -1, "a record lock of an open file");
    expect(in_the_way(probe_open, F_OFD_GETLK, F_RDLCK, 50, 8) == 0 && in_the_way(probe_open, F_OFD_GETLK, F_WRLCK, 50, 8) == -1,
           "a record lock of an open file to read");
    if (!shared->done) {
        expect(!shared->has, "a process waits for a lock");
        expect(flock(contended, LOCK_UN) == 0 && soon(shared->has), "and gets it");
        shared->done = true;
    } else {
        expect(flock(contended, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK, "another process has the lock that it waited for");
    }
}

static void lose_whole(void) { must(flock(whole, LOCK_UN)); }
static void lose_shared(void) { must(flock(shared_lock, LOCK_UN)); }
static void lose_record(void) { set(records, F_SETLK, F_UNLCK, 10, 5); }
static void lose_open(void) { set(open_file, F_OFD_SETLK, F_UNLCK, 5, 6); }
static void lose_holder(void) { kill(shared->holder, SIGKILL); pause_for(50); }
static void lose_memory(void) { must(flock(in_memory, LOCK_UN)); }

const struct kind kind = {
    "locks", make, NULL, check,
    (const struct loss[]){
        {"an exclusive lock", lose_whole}, {"a shared lock", lose_shared}, {"a part of a record lock", lose_record},
        {"an open file's lock", lose_open}, {"another process's lock", lose_holder}, {"a lock in memory", lose_memory}, {0}},
};
