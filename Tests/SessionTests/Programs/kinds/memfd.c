// memfd: contents, names, seals, sizes, places in it; mapped, shared between processes, and opened a second time.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>


enum { SIZE = 3 * 4096 + 100, OFFSET = 4321 };

static int sealed, open_one, second, frozen;
static uint8_t *mapped, *copy;
static volatile uint64_t *shared;
static uint64_t round_number;

static void make(void)
{
    uint8_t bytes[SIZE];
    open_one = must(memfd_create("open", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    must(ftruncate(open_one, SIZE));
    mapped = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, open_one, 0));
    copy = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, open_one, 0));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", open_one);
    second = must(open(path, O_RDONLY));

    sealed = must(memfd_create("sealed", MFD_ALLOW_SEALING));
    must(ftruncate(sealed, SIZE));
    must(fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
    shared = must(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0));

    frozen = must(memfd_create("frozen", MFD_ALLOW_SEALING));
    fill_bytes(bytes, SIZE, 1);
    must(write(frozen, bytes, SIZE));
    must(fcntl(frozen, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));

    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            shared[1] = shared[0] ^ mix(50);
            pause_for(5);
        }
    }
}

static void fill(void)
{
    round_number++;
    fill_bytes(mapped, SIZE, round_number * 10);
    fill_bytes(copy, 4096, round_number * 10 + 1);
    must(lseek(open_one, OFFSET, SEEK_SET));
}

static bool is_named(int fd, const char *name)
{
    char path[64], found[64] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return readlink(path, found, sizeof found - 1) > 0 && strcmp(found, name) == 0;
}

static void check(void)
{
    uint8_t bytes[SIZE];
    struct stat status, other;
    expect(is_named(open_one, "/memfd:open (deleted)") && is_named(sealed, "/memfd:sealed (deleted)"), "names");
    expect(fstat(open_one, &status) == 0 && status.st_size == SIZE, "a size");
    expect(lseek(open_one, 0, SEEK_CUR) == OFFSET, "a place in it");
    expect(pread(open_one, bytes, SIZE, 0) == SIZE && same_bytes(bytes, SIZE, round_number * 10), "contents");
    expect(same_bytes(mapped, SIZE, round_number * 10), "mapped contents");
    expect(same_bytes(copy, 4096, round_number * 10 + 1), "a private copy");
    expect(memcmp(copy + 4096, mapped + 4096, SIZE - 4096) == 0, "what is not copied yet");
    mapped[5000] ^= 1;
    expect(pread(open_one, bytes, 1, 5000) == 1 && bytes[0] == mapped[5000] && copy[5000] == mapped[5000],
           "a change shows everywhere");
    expect(fstat(second, &other) == 0 && other.st_ino == status.st_ino && pread(second, bytes, 1, 5000) == 1 &&
               bytes[0] == mapped[5000],
           "a second file of the same memory");
    expect((fcntl(second, F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(open_one, F_GETFL) & O_ACCMODE) == O_RDWR, "modes");
    expect(fcntl(open_one, F_GETFD) == FD_CLOEXEC, "flags");
    expect(fcntl(open_one, F_GET_SEALS) == 0, "no seals");
    expect(fcntl(sealed, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "seals");
    expect(ftruncate(sealed, SIZE + 1) < 0 && errno == EPERM, "a seal holds");
    expect(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM, "a seal of the seals holds");
    expect(fcntl(frozen, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK), "seals of what cannot be written");
    expect(pread(frozen, bytes, SIZE, 0) == SIZE && same_bytes(bytes, SIZE, 1), "contents that cannot be written");
    expect(pwrite(frozen, "x", 1, 0) < 0 && errno == EPERM, "and they cannot");
    shared[0] = mix(round_number);
    expect(soon(shared[1] == (mix(round_number) ^ mix(50))), "another process has it mapped");
}

static void lose_contents(void) { mapped[7] ^= 1; }
static void lose_copy(void) { copy[7] ^= 1; }
static void lose_place(void) { must(lseek(open_one, 0, SEEK_SET)); }
static void lose_seal(void)
{
    int other = must(memfd_create("sealed", MFD_ALLOW_SEALING));
    must(ftruncate(other, SIZE));
    must(dup2(other, sealed));
}
static void lose_sharing(void)
{
    must(mmap((void *)shared, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
}
static void lose_second(void) { must(dup2(frozen, second)); }

const struct kind kind = {
    "memfd", make, fill, check,
    (const struct loss[]){
        {"contents", lose_contents}, {"a private copy", lose_copy}, {"a place", lose_place}, {"seals", lose_seal},
        {"that memory is shared", lose_sharing}, {"that files are of the same memory", lose_second}, {0}},
};
