// Memory: private and shared, between processes, with its protections, holes, locks and advice; a stack that grows; code
// that was made in memory; many small mappings.

#include "kind.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 64, SPARSE_PAGES = 1 << 18, SMALL = 500 };

static uint8_t *anonymous, *sparse, *guarded, *read_only, *locked, *undumped, *small[SMALL], *file_shared, *file_private, *zero;
static uint8_t *wiped;
static volatile uint64_t *shared;
static int (*code)(void);
static sigjmp_buf back;

static uint8_t *map(size_t size, int protection, int flags)
{
    return must(mmap(NULL, size, protection, flags | MAP_ANONYMOUS, -1, 0));
}

static void make(void)
{
    anonymous = map(PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fill_bytes(anonymous, PAGES * PAGE, 1);
    sparse = map((size_t)SPARSE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    for (int i = 0; i < SPARSE_PAGES; i += 10007)
        fill_bytes(sparse + (size_t)i * PAGE, 8, 100 + (uint64_t)i);
    guarded = map(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fill_bytes(guarded, 3 * PAGE, 2);
    must(mprotect(guarded + PAGE, PAGE, PROT_NONE));
    read_only = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fill_bytes(read_only, PAGE, 3);
    must(mprotect(read_only, PAGE, PROT_READ));
    locked = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    must(mlock(locked, PAGE));
    fill_bytes(locked, PAGE, 4);
    undumped = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fill_bytes(undumped, PAGE, 5);
    must(madvise(undumped, PAGE, MADV_DONTDUMP));
    wiped = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    fill_bytes(wiped, PAGE, 6);
    must(madvise(wiped, PAGE, MADV_WIPEONFORK));
    for (int i = 0; i < SMALL; i++) {
        // Neighbours of other protections, so that they stay apart.
        small[i] = map(PAGE, PROT_READ | PROT_WRITE | (i % 2 ? PROT_EXEC : 0), MAP_PRIVATE);
        fill_bytes(small[i], 8, 1000 + (uint64_t)i);
    }
    // mov eax, number; ret
    uint8_t *bytes = map(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    int number = (int)mix(7);
    bytes[0] = 0xb8;
    memcpy(bytes + 1, &number, 4);
    bytes[5] = 0xc3;
    must(mprotect(bytes, PAGE, PROT_READ | PROT_EXEC));
    memcpy(&code, &bytes, sizeof code);

    int fd = must(open("file", O_CREAT | O_EXCL | O_RDWR, 0600));
    uint8_t contents[2 * PAGE];
    fill_bytes(contents, sizeof contents, 8);
    must(write(fd, contents, sizeof contents));
    file_shared = must(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    file_private = must(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    must(close(fd));
    fill_bytes(file_private, PAGE, 9);
    fd = must(open("/dev/zero", O_RDWR));
    zero = must(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
    must(close(fd));
    fill_bytes(zero, PAGE, 10);

    shared = (volatile uint64_t *)map(PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // Its copies are its own.
        uint8_t rest[8];
        memcpy(rest, anonymous + PAGE, sizeof rest);
        fill_bytes(anonymous, PAGE, 11);
        for (;;) {
            bool same = same_bytes(anonymous, PAGE, 11) && memcmp(rest, anonymous + PAGE, sizeof rest) == 0;
            shared[1] = same ? shared[0] ^ mix(50) : 0;
            pause_for(5);
        }
    }
}

static void jump(int signal) { (void)signal; siglongjmp(back, 1); }

static bool faults(uint8_t *place, bool writing)
{
    struct sigaction old;
    volatile bool has = false;
    sigaction(SIGSEGV, &(struct sigaction){.sa_handler = jump, .sa_flags = SA_NODEFER}, &old);
    if (sigsetjmp(back, 1) == 0) {
        if (writing)
            *(volatile uint8_t *)place = 1;
        else
            (void)*(volatile uint8_t *)place;
    } else {
        has = true;
    }
    sigaction(SIGSEGV, &old, NULL);
    return has;
}

/// Whether the mapping at a place has a flag, a word of two letters in /proc/self/smaps.
static bool has_flag(void *place, const char *flag)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    bool here = false, has = false;
    while (file && fgets(line, sizeof line, file)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            here = (uintptr_t)place >= start && (uintptr_t)place < end;
        else if (here && strncmp(line, "VmFlags:", 8) == 0)
            has = strstr(line, flag) != NULL;
    }
    if (file)
        fclose(file);
    return has;
}

static void check(void)
{
    expect(same_bytes(anonymous, PAGES * PAGE, 1), "private memory");
    bool same = true;
    for (int i = 0; i < SPARSE_PAGES; i += 10007)
        same = same && same_bytes(sparse + (size_t)i * PAGE, 8, 100 + (uint64_t)i);
    expect(same, "sparse memory");
    unsigned char resident[100];
    expect(mincore(sparse + PAGE, sizeof resident * PAGE, resident) == 0 && !memchr(resident, 1, sizeof resident),
           "what is sparse stays so");
    expect(same_bytes(guarded, PAGE, 2), "memory beside a guard");
    expect(faults(guarded + PAGE, false), "a guard");
    expect(mprotect(guarded + PAGE, PAGE, PROT_READ) == 0 && memcmp(guarded + PAGE, guarded, 8) != 0, "what is behind it");
    mprotect(guarded + PAGE, PAGE, PROT_NONE);
    expect(same_bytes(read_only, PAGE, 3) && faults(read_only, true), "memory that cannot be written");
    expect(same_bytes(locked, PAGE, 4) && has_flag(locked, " lo"), "locked memory");
    expect(same_bytes(undumped, PAGE, 5) && has_flag(undumped, " dd"), "memory that is left out of core dumps");
    expect(same_bytes(wiped, PAGE, 6) && has_flag(wiped, " wf"), "memory that a child does not get");
    same = true;
    for (int i = 0; i < SMALL; i++)
        same = same && same_bytes(small[i], 8, 1000 + (uint64_t)i);
    expect(same, "many small mappings");
    expect(code() == (int)mix(7), "code that was made in memory");
    expect(same_bytes(file_shared, 2 * PAGE, 8), "a mapped file");
    expect(same_bytes(file_private, PAGE, 9) && memcmp(file_private + PAGE, file_shared + PAGE, PAGE) == 0,
           "a private copy of a mapped file");
    expect(same_bytes(zero, PAGE, 10), "a mapping of /dev/zero");
    shared[0] = mix(300 + (uint64_t)now(CLOCK_MONOTONIC));
    expect(soon(shared[1] == (shared[0] ^ mix(50))), "another process, with copies of its own");
    expect(faults(NULL, false), "nothing at the beginning");
}

static void lose_anonymous(void) { anonymous[PAGE] ^= 1; }
static void lose_sparse(void) { must(madvise(sparse, (size_t)SPARSE_PAGES * PAGE, MADV_DONTNEED)); }
static void lose_guard(void) { must(mprotect(guarded + PAGE, PAGE, PROT_READ)); }
static void lose_lock(void) { must(munlock(locked, PAGE)); }
static void lose_advice(void) { must(madvise(wiped, PAGE, MADV_KEEPONFORK)); }
static void lose_copy(void) { must(madvise(file_private, PAGE, MADV_DONTNEED)); }
static void lose_code(void)
{
    uint8_t *bytes = (uint8_t *)(uintptr_t)code;
    must(mprotect(bytes, PAGE, PROT_READ | PROT_WRITE));
    bytes[1] ^= 1;
    must(mprotect(bytes, PAGE, PROT_READ | PROT_EXEC));
}
static void lose_sharing(void)
{
    must(mmap((void *)shared, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

const struct kind kind = {
    "mappings", make, NULL, check,
    (const struct loss[]){
        {"private memory", lose_anonymous}, {"sparse memory", lose_sparse}, {"a guard", lose_guard}, {"a lock", lose_lock},
        {"advice", lose_advice}, {"a private copy", lose_copy}, {"code", lose_code}, {"sharing", lose_sharing}, {0}},
};
