// Pipes: the bytes in them, their sizes, ends that are closed, flags that descriptors share, and other processes at the
// other end.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { INSIDE = 20000, PART = 777, SIZE = 1 << 17 };

static int half[2], full[2], writerless[2], readerless[2], large[2], to_child[2], from_child[2];
static int twin;
static size_t filled;
static uint64_t round_number;

/// Sends back what comes, changed by what only it has in memory.
static void start_child(void)
{
    must(pipe2(to_child, O_CLOEXEC));
    must(pipe2(from_child, O_CLOEXEC));
    pid_t child = must(fork());
    if (child > 0) {
        must(close(to_child[0]));
        must(close(from_child[1]));
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(to_child[1]);
    close(from_child[0]);
    uint64_t key = mix(50), number;
    while (read(to_child[0], &number, sizeof number) == sizeof number) {
        number ^= key;
        if (write(from_child[1], &number, sizeof number) != sizeof number)
            break;
    }
    _exit(0);
}

static void make(void)
{
    signal(SIGPIPE, SIG_IGN);
    // First: it would keep the others' ends open.
    start_child();
    must(pipe2(half, O_CLOEXEC));
    must(pipe2(full, O_NONBLOCK));
    must(pipe2(writerless, 0));
    must(pipe2(readerless, 0));
    must(pipe2(large, 0));
    must(fcntl(large[1], F_SETPIPE_SZ, SIZE));
    must(close(readerless[0]));
    twin = must(dup(half[0]));
    uint8_t bytes[INSIDE];
    fill_bytes(bytes, PART, 40);
    must(write(writerless[1], bytes, PART));
    must(close(writerless[1]));
}

static void fill(void)
{
    uint8_t bytes[SIZE];
    round_number++;
    fill_bytes(bytes, INSIDE, round_number);
    must(write(half[1], bytes, INSIDE));
    if (!read_all(half[0], bytes, PART))
        give_up("reads a part", __LINE__);
    fill_bytes(bytes, 4096, 60 + round_number);
    for (filled = 0; write(full[1], bytes, 4096) == 4096;)
        filled += 4096;
    fill_bytes(bytes, SIZE, 80 + round_number);
    must(write(large[1], bytes, SIZE));
    uint64_t number = round_number;
    must(write(to_child[1], &number, sizeof number));
    must(fcntl(twin, F_SETFL, O_NONBLOCK));
}

static void check(void)
{
    static uint8_t bytes[SIZE], expected[INSIDE];
    fill_bytes(expected, INSIDE, round_number);
    expect(read_all(half[0], bytes, INSIDE - PART) && memcmp(bytes, expected + PART, INSIDE - PART) == 0,
           "the bytes that nobody had read");
    expect(!readable(half[0], 0), "and no more");
    expect(fcntl(half[0], F_GETFL) & O_NONBLOCK, "a flag that two descriptors share");
    expect(fcntl(half[0], F_GETFD) == FD_CLOEXEC && fcntl(twin, F_GETFD) == 0, "a flag that they do not share");
    expect(fcntl(twin, F_SETFL, 0) == 0 && !(fcntl(half[0], F_GETFL) & O_NONBLOCK), "and they still share it");

    expect(write(full[1], bytes, 4096) < 0 && errno == EAGAIN, "a full pipe is full");
    bool same = true;
    for (size_t done = 0; done < filled; done += 4096)
        same = same && read_all(full[0], bytes, 4096) && same_bytes(bytes, 4096, 60 + round_number);
    expect(same, "all that is in a full pipe");

    expect(fcntl(large[0], F_GETPIPE_SZ) == SIZE, "a pipe's size");
    expect(read_all(large[0], bytes, SIZE) && same_bytes(bytes, SIZE, 80 + round_number), "a large pipe's bytes");

    if (round_number == 1)
        expect(read_all(writerless[0], bytes, PART) && same_bytes(bytes, PART, 40), "what a writer left");
    expect(read(writerless[0], bytes, 1) == 0, "the end, without a writer");
    expect(write(readerless[1], bytes, 1) < 0 && errno == EPIPE, "an error, without a reader");

    uint64_t number;
    expect(read_all(from_child[0], &number, sizeof number) && number == (round_number ^ mix(50)),
           "what another process had answered");
    number = 7;
    expect(write(to_child[1], &number, sizeof number) == sizeof number && read_all(from_child[0], &number, sizeof number) &&
               number == (7 ^ mix(50)),
           "what another process answers");
}

static void lose_bytes(void) { uint8_t bytes[10]; read_all(half[0], bytes, sizeof bytes); }
static void lose_full(void) { uint8_t bytes[4096]; read_all(full[0], bytes, sizeof bytes); }
static void lose_size(void)
{
    uint8_t bytes[SIZE];
    read_all(large[0], bytes, SIZE);
    fcntl(large[0], F_SETPIPE_SZ, 65536);
}
static void lose_child(void) { close(to_child[1]); to_child[1] = open("/dev/null", O_WRONLY); }
static void lose_sharing(void) { int fds[2]; must(pipe(fds)); dup2(fds[0], twin); }

const struct kind kind = {
    "pipes", make, fill, check,
    (const struct loss[]){
        {"bytes", lose_bytes}, {"that a pipe is full", lose_full}, {"a pipe's size", lose_size},
        {"the process at the other end", lose_child}, {"that descriptors are the same", lose_sharing}, {0}},
};
