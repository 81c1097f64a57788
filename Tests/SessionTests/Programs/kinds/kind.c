#include "kind.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t nonce;
bool moved = true;

static int report = 2;
static bool all_there;

static void say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size > sizeof line - 2)
        size = sizeof line - 2;
    line[size++] = '\n';
    // Everything that it says is a line of its own, also of several processes and threads.
    if (write(report, line, (size_t)size) != size)
        _exit(70);
}

uint64_t mix(uint64_t tag)
{
    // splitmix64 (Steele, Lea, Flood 2014)
    uint64_t z = nonce + (tag + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint8_t byte_of(uint64_t tag, size_t index)
{
    return (uint8_t)(mix(tag * 0x10000001u + index / 8) >> (index % 8 * 8));
}

void fill_bytes(void *bytes, size_t size, uint64_t tag)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = byte_of(tag, i);
}

bool same_bytes(const void *bytes, size_t size, uint64_t tag)
{
    for (size_t i = 0; i < size; i++)
        if (((const uint8_t *)bytes)[i] != byte_of(tag, i))
            return false;
    return true;
}

void expect(bool holds, const char *format, ...)
{
    int error = errno;
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (holds)
        say("ok %s", what);
    else
        say("failed %s (errno %s)", what, strerrorname_np(error) ?: "0");
    all_there = all_there && holds;
    errno = 0;
}

/// Ends every process below this one.
static void end_children(void)
{
    siginfo_t child;
    do {
        char path[64], text[4096] = "";
        snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
        int file = open(path, O_RDONLY | O_CLOEXEC);
        if (file >= 0 && read(file, text, sizeof text - 1) > 0)
            for (char *next = text, *end; strtol(next, &end, 10) > 0; next = end)
                kill((pid_t)strtol(next, NULL, 10), SIGKILL);
        close(file);
    } while (waitid(P_ALL, 0, &child, WEXITED) == 0);
}

void give_up(const char *what, int line)
{
    say("cannot be made: line %d, %s: %s", line, what, strerror(errno));
    if (!moved)
        end_children();
    _exit(71);
}

bool readable(int fd, int milliseconds)
{
    int64_t end = now(CLOCK_MONOTONIC) + milliseconds * 1000000ll;
    for (;;) {
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        int64_t left = (end - now(CLOCK_MONOTONIC)) / 1000000;
        int count = poll(&entry, 1, left > 0 ? (int)left : 0);
        if (count > 0)
            return true;
        if (count < 0 && errno != EINTR)
            return false;
        if (left <= 0)
            return false;
    }
}

bool read_all(int fd, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        if (!readable(fd, 5000))
            return false;
        ssize_t count = read(fd, (uint8_t *)bytes + done, size - done);
        if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN))
            return false;
        if (count > 0)
            done += (size_t)count;
    }
    return true;
}

void pause_for(int milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000l};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {}
}

int64_t now(int clock)
{
    struct timespec time;
    must(clock_gettime(clock, &time));
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void exit_thread(int signal)
{
    (void)signal;
    syscall(SYS_exit, 0);
}

void end_thread(int id)
{
    // pthread_cancel would want a library that a small root file system has not.
    must(sigaction(SIGRTMAX, &(struct sigaction){.sa_handler = exit_thread}, NULL));
    must(syscall(SYS_tgkill, getpid(), id, SIGRTMAX));
    pause_for(50);
}

static bool check(void)
{
    all_there = true;
    errno = 0;
    kind.check();
    return all_there;
}

static int lose(int number)
{
    moved = false;
    // Also those whose parents are gone.
    must(prctl(PR_SET_CHILD_SUBREAPER, 1));
    kind.make();
    if (kind.fill)
        kind.fill();
    if (number > 0)
        kind.losses[number - 1].lose();
    bool was_there = check();
    end_children();
    return was_there ? 0 : 1;
}

static void live(const char *folder)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.d", folder, kind.name);
    must(mkdir(path, 0755));
    int place = must(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    report = must(openat(place, kind.name, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC, 0644));
    must(chdir(path));
    kind.make();
    if (kind.fill)
        kind.fill();
    say("ready %016llx 0", (unsigned long long)nonce);
    for (int round = 1;; round++) {
        snprintf(path, sizeof path, "check.%d", round);
        while (faccessat(place, path, F_OK, 0) < 0)
            pause_for(20);
        bool was_there = check();
        if (kind.fill)
            kind.fill();
        say("%s %016llx %d", was_there ? "checked" : "lost", (unsigned long long)nonce, round);
    }
}

int main(int count, char **arguments)
{
    must(getrandom(&nonce, sizeof nonce, 0));
    if (count == 2 && strcmp(arguments[1], "--losses") == 0) {
        for (const struct loss *loss = kind.losses; loss->what; loss++)
            puts(loss->what);
        return 0;
    }
    if (count == 3 && strcmp(arguments[1], "--lose") == 0)
        return lose(atoi(arguments[2]));
    if (count == 2)
        live(arguments[1]);
    return 64;
}
