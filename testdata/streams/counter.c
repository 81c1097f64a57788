// What runs in the golden sessions: static, without a libc, so that it is a few kilobytes and depends on nothing but the
// kernel's system calls.
//
//   counter count FILE   counts, 50 times a second, beside a number that is nowhere but in its memory, and keeps
//                        pages that can be told apart; ends with 3 when one of them has changed
//   counter show FILE    prints the file

#include <fcntl.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

static long call(long number, long a, long b, long c, long d)
{
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}

__attribute__((noreturn)) static void leave(int code)
{
    for (;;) call(SYS_exit_group, code, 0, 0, 0);
}

enum { PAGES = 256, WORDS = 4096 / sizeof(uint64_t) };
static uint64_t memory[PAGES][WORDS] __attribute__((aligned(4096)));

// xorshift64: the same words again from the same seed, which is the page's number and the nonce.
static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

static uint64_t seed(uint64_t nonce, int page)
{
    return (nonce | 1) * (uint64_t)(2 * page + 1);
}

// Most of a page is zeros: the stream that lies in the repository shall be small.
static void fill(uint64_t nonce)
{
    for (int page = 0; page < PAGES; page++) {
        uint64_t state = seed(nonce, page);
        for (int word = 0; word < (int)WORDS; word += 32) memory[page][word] = next(&state);
    }
}

static void verify(uint64_t nonce)
{
    for (int page = 0; page < PAGES; page++) {
        uint64_t state = seed(nonce, page);
        for (int word = 0; word < (int)WORDS; word++)
            if (memory[page][word] != (word % 32 == 0 ? next(&state) : 0)) leave(3);
    }
}

static void report(int file, uint64_t nonce, uint64_t count)
{
    char line[64];
    int size = 0;
    for (int shift = 60; shift >= 0; shift -= 4) line[size++] = "0123456789abcdef"[nonce >> shift & 15];
    line[size++] = ' ';
    char digits[20];
    int length = 0;
    do digits[length++] = (char)('0' + count % 10);
    while (count /= 10);
    while (length > 0) line[size++] = digits[--length];
    line[size++] = '\n';
    if (call(SYS_pwrite64, file, (long)line, size, 0) != size) leave(4);
}

static void count(const char *path)
{
    long file = call(SYS_open, (long)path, O_CREAT | O_TRUNC | O_RDWR, 0644, 0);
    if (file < 0) leave(2);
    uint64_t nonce;
    if (call(SYS_getrandom, (long)&nonce, sizeof nonce, 0, 0) != sizeof nonce) leave(5);
    fill(nonce);
    struct timespec pause = {.tv_nsec = 20000000};
    for (uint64_t i = 1;; i++) {
        verify(nonce);
        report((int)file, nonce, i);
        call(SYS_nanosleep, (long)&pause, 0, 0, 0);
    }
}

static void show(const char *path)
{
    char text[4096];
    long file = call(SYS_open, (long)path, O_RDONLY, 0, 0);
    if (file < 0) leave(2);
    long size;
    while ((size = call(SYS_read, file, (long)text, sizeof text, 0)) > 0)
        if (call(SYS_write, 1, (long)text, size, 0) != size) leave(4);
    leave(0);
}

__attribute__((used, noreturn)) static void begin(const long *stack)
{
    const char *const *arguments = (const char *const *)(stack + 1);
    if (stack[0] == 3 && arguments[1][0] == 'c') count(arguments[2]);
    if (stack[0] == 3 && arguments[1][0] == 's') show(arguments[2]);
    leave(64);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\nand $-16, %rsp\ncall begin\n");
