// inotify: watches of folders and files, on the pod's disk, in its base, and in memory; their numbers and masks. (Events
// that were not read are lost at a move.)

#include "kind.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER, DEEP, FILE_ON_DISK, BASE, BASE_FOLDER, MEMORY, ROOT, WATCHES };
static char memory[64];
static struct watch {
    const char *name, *path;
    uint32_t mask;
    int number;
} watches[WATCHES] = {
    {"a folder", "folder", IN_CREATE | IN_DELETE, 0},
    {"a folder far down", "a/b/c/d/e", IN_CREATE, 0},
    {"a file", "file", IN_MODIFY, 0},
    {"a file of the base", "/usr/bin/kinds.base", IN_OPEN, 0},
    {"a folder of the base", "/usr/bin", IN_OPEN, 0},
    {"a folder in memory", memory, IN_CREATE, 0},
    {"the root folder", "/", IN_CREATE, 0},
};
static int fd, idle;
static uint64_t round_number;

static int touch(const char *path, int flags) { return open(path, flags | O_CLOEXEC, 0644); }

static void make(void)
{
    fd = must(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    idle = must(inotify_init1(0));
    snprintf(memory, sizeof memory, "/dev/shm/inotify-%llx", (unsigned long long)nonce);
    must(mkdir("folder", 0755));
    must(mkdir("a", 0755));
    must(mkdir("a/b", 0755));
    must(mkdir("a/b/c", 0755));
    must(mkdir("a/b/c/d", 0755));
    must(mkdir("a/b/c/d/e", 0755));
    must(mkdir(memory, 0755));
    must(close(must(touch("file", O_CREAT | O_WRONLY))));
    // Numbers with a gap, that a fresh start would not give.
    int gone = must(inotify_add_watch(fd, "folder", IN_CREATE));
    must(inotify_rm_watch(fd, gone));
    for (int i = 0; i < WATCHES; i++)
        // Not every one has the file of the base: --lose runs anywhere.
        if (i != BASE || access(watches[BASE].path, F_OK) == 0)
            watches[i].number = must(inotify_add_watch(fd, watches[i].path, watches[i].mask));
    uint8_t events[4096];
    while (read(fd, events, sizeof events) > 0) {}
}

static void fill(void) { round_number++; }

/// Whether such an event has come; all others are dropped.
static bool told(int number, uint32_t mask, const char *name)
{
    _Alignas(struct inotify_event) char events[8192];
    bool found = false;
    for (int tries = 0; tries < 100 && !found; tries++) {
        ssize_t size = read(fd, events, sizeof events);
        for (char *next = events; size > 0 && next < events + size;) {
            struct inotify_event *event = (struct inotify_event *)next;
            if (event->wd == number && (event->mask & mask) && (!name || (event->len && strcmp(event->name, name) == 0)))
                found = true;
            next += sizeof *event + event->len;
        }
        if (!found)
            pause_for(5);
    }
    return found;
}

static void check(void)
{
    char name[32], path[128];
    snprintf(name, sizeof name, "new-%d-%d", getpid(), (int)round_number);
    expect(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(idle, F_GETFD) == 0, "flags");
    static const int folders[] = {FOLDER, DEEP, MEMORY, ROOT};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        struct watch *watch = &watches[folders[i]];
        snprintf(path, sizeof path, "%s/%s", watch->path, name);
        int file = touch(path, O_CREAT | O_EXCL | O_WRONLY);
        expect(file >= 0 && told(watch->number, IN_CREATE, name), "%s", watch->name);
        expect(close(file) == 0 && unlink(path) == 0, "and it can be changed, %s", watch->name);
        if (watch->mask & IN_DELETE)
            expect(told(watch->number, IN_DELETE, name), "each of the events that a watch is for");
    }
    int file = touch("file", O_WRONLY);
    expect(write(file, "x", 1) == 1 && told(watches[FILE_ON_DISK].number, IN_MODIFY, NULL), "a file");
    close(file);
    if (watches[BASE].number) {
        expect(close(touch(watches[BASE].path, O_RDONLY)) == 0 && told(watches[BASE].number, IN_OPEN, NULL), "%s",
               watches[BASE].name);
    }
    expect(close(touch("/usr/bin/sleep", O_RDONLY)) == 0 && told(watches[BASE_FOLDER].number, IN_OPEN, "sleep"), "%s",
           watches[BASE_FOLDER].name);
    expect(inotify_add_watch(fd, "folder", IN_CREATE | IN_DELETE) == watches[FOLDER].number, "a watch is known again");
    int another = inotify_add_watch(fd, "a", IN_CREATE);
    bool is_new = another > 0;
    for (int i = 0; i < WATCHES; i++)
        is_new = is_new && another != watches[i].number;
    expect(is_new && inotify_rm_watch(fd, another) == 0, "a new watch is another one");
    expect(!readable(idle, 0), "one without watches");
}

static void lose_watch(void) { must(inotify_rm_watch(fd, watches[FOLDER].number)); }
static void lose_mask(void) { must(inotify_add_watch(fd, "folder", IN_CREATE)); }
static void lose_deep(void) { must(inotify_rm_watch(fd, watches[DEEP].number)); }
static void lose_number(void) { watches[FILE_ON_DISK].number++; }

const struct kind kind = {
    "inotify", make, fill, check,
    (const struct loss[]){
        {"a watch", lose_watch}, {"a watch's events", lose_mask}, {"a watch far down", lose_deep},
        {"a watch's number", lose_number}, {0}},
};
