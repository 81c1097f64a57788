// Open files and folders: places in them, flags, descriptors that are one file in two processes, mere places (O_PATH),
// devices, files of /proc, and processes with a root folder of their own.

#include "kind.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SIZE = 9000, PLACE = 4321, ENTRIES = 300 };

static int plain, appended, read_only, shared, mere, mere_link, folder, devices[4], status_file, process_folder;
static const char *const device_names[4] = {"/dev/null", "/dev/zero", "/dev/urandom", "/dev/full"};
static volatile struct shared {
    bool asked, has_root;
    ino_t root, working;
} *child;
static pid_t child_id;
static struct stat root_status;
static uint64_t round_number;

static int create(const char *name, int flags)
{
    int fd = must(open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0644));
    uint8_t bytes[SIZE];
    fill_bytes(bytes, SIZE, 1);
    must(write(fd, bytes, SIZE));
    return fd;
}

static void live_in(const char *root)
{
    must(chroot(root));
    must(chdir("/inner"));
    child->has_root = true;
    for (;;) {
        struct stat status;
        if (child->asked) {
            must(stat("/", &status));
            child->root = status.st_ino;
            must(stat(".", &status));
            child->working = status.st_ino;
            // Where the shared file stands, for the parent.
            must(lseek(shared, 10, SEEK_CUR));
            child->asked = false;
        }
        pause_for(5);
    }
}

/// Reads so many names of the folder, one after the other, from where it stands. The kernel gives a few at a time.
static int read_names(int fd)
{
    uint8_t buffer[256];
    long size = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    int count = 0;
    for (long at = 0; at < size; count++)
        at += *(uint16_t *)(buffer + at + 16);
    return count;
}

static int names_read;

static void make(void)
{
    plain = create("plain", O_CLOEXEC);
    appended = create("appended", O_APPEND);
    read_only = must(open("plain", O_RDONLY | O_NOATIME));
    shared = create("shared", 0);
    must(symlink("plain", "link"));
    mere = must(open("plain", O_PATH));
    mere_link = must(open("link", O_PATH | O_NOFOLLOW));
    must(mkdir("many", 0755));
    for (int i = 0; i < ENTRIES; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/%d", i);
        must(close(must(open(name, O_CREAT | O_WRONLY, 0600))));
    }
    folder = must(open("many", O_RDONLY | O_DIRECTORY));
    for (int i = 0; i < 4; i++)
        devices[i] = must(open(device_names[i], i % 2 ? O_RDONLY : O_RDWR));
    must(mkdir("root", 0755));
    must(mkdir("root/inner", 0755));
    must(stat("root", &root_status));
    child = must(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    child_id = must(fork());
    if (child_id == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        live_in("root");
    }
    if (!soon(child->has_root))
        give_up("the other process", __LINE__);
    status_file = must(open("/proc/self/status", O_RDONLY));
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", child_id);
    process_folder = must(open(path, O_RDONLY | O_DIRECTORY));
}

static void fill(void)
{
    round_number++;
    must(lseek(plain, PLACE, SEEK_SET));
    must(lseek(read_only, 7, SEEK_SET));
    must(lseek(shared, 100, SEEK_SET));
    must(lseek(folder, 0, SEEK_SET));
    names_read = 0;
    while (names_read < ENTRIES / 2)
        names_read += read_names(folder);
}

static void check(void)
{
    uint8_t bytes[SIZE], expected[SIZE];
    struct stat status, other;
    fill_bytes(expected, SIZE, 1);
    expect(lseek(plain, 0, SEEK_CUR) == PLACE && read(plain, bytes, 10) == 10 && memcmp(bytes, expected + PLACE, 10) == 0,
           "a place in a file");
    expect(lseek(read_only, 0, SEEK_CUR) == 7, "another place in the same file");
    expect((fcntl(read_only, F_GETFL) & (O_ACCMODE | O_NOATIME)) == (O_RDONLY | O_NOATIME) && write(read_only, "x", 1) < 0 &&
               errno == EBADF,
           "flags and modes");
    expect(fcntl(plain, F_GETFD) == FD_CLOEXEC && fcntl(read_only, F_GETFD) == 0, "flags of descriptors");
    expect(lseek(appended, 0, SEEK_SET) == 0 && write(appended, "end", 3) == 3 &&
               lseek(appended, 0, SEEK_CUR) == SIZE + 3 * (off_t)round_number,
           "what is written to the end");
    child->asked = true;
    expect(soon(!child->asked) && lseek(shared, 0, SEEK_CUR) == 110, "a place that two processes share");
    expect(child->root == root_status.st_ino, "a root folder of a process's own");
    expect(stat("root/inner", &status) == 0 && child->working == status.st_ino, "and where it is in that");
    expect(fstat(mere, &status) == 0 && stat("plain", &other) == 0 && status.st_ino == other.st_ino && read(mere, bytes, 1) < 0 &&
               errno == EBADF,
           "a mere place");
    expect(fstat(mere_link, &status) == 0 && S_ISLNK(status.st_mode), "a mere link");
    int count = names_read, more;
    while ((more = read_names(folder)) > 0)
        count += more;
    // And "." and "..".
    expect(count == ENTRIES + 2, "the rest of a folder's names (%d)", count);
    expect(write(devices[0], "x", 1) == 1 && read(devices[0], bytes, 1) == 0, "/dev/null");
    expect(read(devices[1], bytes, 4) == 4 && memcmp(bytes, "\0\0\0\0", 4) == 0, "/dev/zero");
    expect(read(devices[2], bytes, 4) == 4, "/dev/urandom");
    expect(read(devices[3], bytes, 4) == 4, "/dev/full");
    char text[4096] = "", line[64];
    ssize_t size = pread(status_file, text, sizeof text - 1, 0);
    snprintf(line, sizeof line, "\nPid:\t%d\n", getpid());
    expect(size > 0 && strstr(text, line), "a file of /proc");
    expect(faccessat(process_folder, "status", F_OK, 0) == 0, "a process's folder of /proc");
}

static void lose_place(void) { must(lseek(plain, 0, SEEK_SET)); }
static void lose_append(void) { must(fcntl(appended, F_SETFL, 0)); }
static void lose_sharing(void) { must(dup2(must(open("shared", O_RDWR)), shared)); }
static void lose_folder(void) { must(lseek(folder, 0, SEEK_SET)); }
static void lose_mere(void) { must(dup2(plain, mere)); }
static void lose_device(void) { must(dup2(devices[0], devices[1])); }
static void lose_process(void) { must(kill(child_id, SIGKILL)); }

const struct kind kind = {
    "files", make, fill, check,
    (const struct loss[]){
        {"a place", lose_place}, {"that a file is appended to", lose_append}, {"that a file is shared", lose_sharing},
        {"a place in a folder", lose_folder}, {"a mere place", lose_mere}, {"a device", lose_device},
        {"a process", lose_process}, {0}},
};
