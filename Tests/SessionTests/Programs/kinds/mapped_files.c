// Mapped files of the pod's disk: of its base, of the writable layer, of the base and changed or deleted or replaced after
// they were mapped, as an upgrade does it; what was written to a shared mapping.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, SIZE = 4 * PAGE };

/// A file that is in a pod's base; with --lose, which runs more than once, a copy of it here stands in.
static struct base_file {
    const char *what, *name, *path;
    uint8_t *mapped;
    int fd;
    uint8_t before[SIZE];
} bases[] = {
    {.what = "a file of the base", .name = "kinds.base"},
    {.what = "a file of the base that was changed when it was mapped", .name = "kinds.changed"},
    {.what = "a file of the base that was replaced when it was mapped", .name = "kinds.replaced"},
    {.what = "a file of the base that was deleted when it was mapped", .name = "kinds.unlinked"},
    {.what = "a file of the base that was changed before", .name = "kinds.early"},
};
enum { PLAIN, CHANGED, REPLACED, DELETED, EARLY, BASES };

static char paths[BASES][64];
static uint8_t *shared, *cut;
static volatile uint64_t *both;
static int shared_fd;
static uint64_t round_number;

static void find(struct base_file *base, char *path)
{
    snprintf(path, 64, "/usr/bin/%s", base->name);
    base->path = path;
    if (moved && access(path, F_OK) == 0)
        return;
    base->path = base->name;
    int fd = must(open(base->name, O_CREAT | O_EXCL | O_WRONLY, 0755));
    uint8_t bytes[SIZE];
    fill_bytes(bytes, SIZE, 500);
    must(write(fd, bytes, SIZE));
    must(close(fd));
}

static void change(const char *path)
{
    int fd = must(open(path, O_WRONLY));
    uint8_t bytes[PAGE];
    fill_bytes(bytes, PAGE, 600);
    must(pwrite(fd, bytes, PAGE, PAGE));
    must(close(fd));
}

static void make(void)
{
    for (int i = 0; i < BASES; i++) {
        find(&bases[i], paths[i]);
        if (i == EARLY)
            change(bases[i].path);
        bases[i].fd = must(open(bases[i].path, O_RDONLY));
        bases[i].mapped = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, bases[i].fd, 0));
        // One page is its own.
        fill_bytes(bases[i].mapped, PAGE, 700 + (uint64_t)i);
    }
    change(bases[CHANGED].path);
    int fd = must(open("replacement", O_CREAT | O_EXCL | O_RDWR, 0755));
    uint8_t bytes[SIZE];
    fill_bytes(bytes, SIZE, 800);
    must(write(fd, bytes, SIZE));
    must(close(fd));
    // Into the folder first: a rename does not go from one file system to another.
    char beside[80];
    snprintf(beside, sizeof beside, "%s.new", bases[REPLACED].path);
    must(rename("replacement", beside));
    must(rename(beside, bases[REPLACED].path));
    must(unlink(bases[DELETED].path));
    for (int i = 0; i < BASES; i++)
        memcpy(bases[i].before, bases[i].mapped, SIZE);

    shared_fd = must(open("shared", O_CREAT | O_EXCL | O_RDWR, 0600));
    must(ftruncate(shared_fd, SIZE));
    shared = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0));
    fd = must(open("both", O_CREAT | O_EXCL | O_RDWR, 0600));
    must(ftruncate(fd, PAGE));
    both = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    must(close(fd));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fd = must(open("both", O_RDWR));
        volatile uint64_t *own = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
        for (;;) {
            own[1] = own[0] ^ mix(50);
            pause_for(5);
        }
    }
    // Longer than its file.
    fd = must(open("cut", O_CREAT | O_EXCL | O_RDWR, 0600));
    must(ftruncate(fd, PAGE));
    cut = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    fill_bytes(cut, PAGE, 900);
    must(close(fd));
}

static void fill(void)
{
    round_number++;
    fill_bytes(shared, SIZE, round_number);
}

static void check(void)
{
    struct stat status, other;
    for (int i = 0; i < BASES; i++) {
        struct base_file *base = &bases[i];
        expect(same_bytes(base->mapped, PAGE, 700 + (uint64_t)i), "the changed page of %s", base->what);
        // Overlayfs goes on to show a mapping what a file held before it was changed in its place, other file systems do
        // not; nor does a restore.
        if (i != CHANGED)
            expect(memcmp(base->mapped, base->before, SIZE) == 0, "the contents of %s", base->what);
        bool is_same = fstat(base->fd, &status) == 0 && stat(base->path, &other) == 0 && status.st_ino == other.st_ino;
        expect(is_same == (i != REPLACED && i != DELETED), "the name of %s", base->what);
    }
    uint8_t bytes[SIZE];
    expect(access(bases[DELETED].path, F_OK) < 0, "%s has no name", bases[DELETED].what);
    int fd = open(bases[REPLACED].path, O_RDONLY);
    expect(read_all(fd, bytes, SIZE) && same_bytes(bytes, SIZE, 800), "the new file at the place of %s", bases[REPLACED].what);
    close(fd);
    fd = open(bases[CHANGED].path, O_RDONLY);
    expect(pread(fd, bytes, PAGE, PAGE) == PAGE && same_bytes(bytes, PAGE, 600), "the changed file itself");
    close(fd);

    expect(same_bytes(shared, SIZE, round_number), "a shared mapping");
    expect(pread(shared_fd, bytes, SIZE, 0) == SIZE && same_bytes(bytes, SIZE, round_number), "the file of a shared mapping");
    shared[7] ^= 1;
    expect(pread(shared_fd, bytes, 1, 7) == 1 && bytes[0] == shared[7], "a shared mapping is the file");
    fd = open("shared", O_RDONLY);
    expect(pread(fd, bytes, 1, 7) == 1 && bytes[0] == shared[7], "and the file has its name");
    close(fd);
    both[0] = mix(950 + round_number);
    expect(soon(both[1] == (both[0] ^ mix(50))), "another process has it mapped");
    expect(same_bytes(cut, PAGE, 900), "a mapping that is longer than its file");
}

static void lose_page(void) { must(madvise(bases[PLAIN].mapped, PAGE, MADV_DONTNEED)); }
static void lose_replaced(void)
{
    int fd = must(open(bases[REPLACED].path, O_RDONLY));
    uint8_t *other = must(mmap(bases[REPLACED].mapped + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, PAGE));
    (void)other;
}
static void lose_write(void) { shared[1] ^= 1; }
static void lose_file(void)
{
    must(mmap(shared, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, shared_fd, 0));
}
static void lose_other(void) { must(rename("cut", "both")); both = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)); }

const struct kind kind = {
    "mapped_files", make, fill, check,
    (const struct loss[]){
        {"a changed page", lose_page}, {"which file is mapped", lose_replaced}, {"what was written", lose_write},
        {"that a mapping is the file", lose_file}, {"the other process", lose_other}, {0}},
};
