// FIFOs, on the pod's disk and in memory: the bytes in them, ends that another process has, and one without a name.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INSIDE = 3000 };

static char in_memory[64];
static struct place {
    const char *name, *path;
    int reader, writer;
} places[] = {
    {"on disk", "named", -1, -1},
    {"in memory", in_memory, -1, -1},
    {"without a name", "unlinked", -1, -1},
};
enum { PLACES = sizeof places / sizeof *places };

static int to_child, from_child;
static uint64_t round_number;

static void start_child(void)
{
    must(mkfifo("to", 0600));
    must(mkfifo("from", 0600));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int in = must(open("to", O_RDONLY)), out = must(open("from", O_WRONLY));
        uint64_t key = mix(9), number;
        while (read(in, &number, sizeof number) == sizeof number) {
            number ^= key;
            if (write(out, &number, sizeof number) != sizeof number)
                break;
        }
        _exit(0);
    }
    to_child = must(open("to", O_WRONLY));
    from_child = must(open("from", O_RDONLY));
}

static void make(void)
{
    snprintf(in_memory, sizeof in_memory, "/dev/shm/fifo-%llx", (unsigned long long)nonce);
    for (int i = 0; i < PLACES; i++) {
        must(mkfifo(places[i].path, 0600));
        places[i].reader = must(open(places[i].path, O_RDONLY | O_NONBLOCK));
        places[i].writer = must(open(places[i].path, O_WRONLY));
    }
    must(unlink("unlinked"));
    start_child();
}

static void fill(void)
{
    round_number++;
    uint8_t bytes[INSIDE];
    for (int i = 0; i < PLACES; i++) {
        fill_bytes(bytes, INSIDE, round_number * 10 + (uint64_t)i);
        must(write(places[i].writer, bytes, INSIDE));
    }
}

static void check(void)
{
    uint8_t bytes[INSIDE];
    for (int i = 0; i < PLACES; i++) {
        struct place *place = &places[i];
        expect(read_all(place->reader, bytes, INSIDE) && same_bytes(bytes, INSIDE, round_number * 10 + (uint64_t)i),
               "the bytes in one %s", place->name);
        expect(read(place->reader, bytes, 1) < 0 && errno == EAGAIN, "and no more in one %s", place->name);
        struct stat status;
        expect(fstat(place->reader, &status) == 0 && S_ISFIFO(status.st_mode) && (status.st_mode & 0777) == 0600,
               "its mode, %s", place->name);
    }
    int again = open("named", O_WRONLY | O_NONBLOCK);
    expect(again >= 0 && write(again, "x", 1) == 1 && read_all(places[0].reader, bytes, 1) && bytes[0] == 'x',
           "its name leads to it");
    close(again);
    expect(access("unlinked", F_OK) < 0 && errno == ENOENT, "one without a name has none");
    uint64_t number = round_number;
    expect(write(to_child, &number, sizeof number) == sizeof number && read_all(from_child, &number, sizeof number) &&
               number == (round_number ^ mix(9)),
           "another process at the other end");
}

static void lose_bytes(void) { uint8_t byte; read_all(places[0].reader, &byte, 1); }
static void lose_memory(void) { uint8_t byte; read_all(places[1].reader, &byte, 1); }
static void lose_unlinked(void) { uint8_t bytes[INSIDE]; read_all(places[2].reader, bytes, INSIDE); }
static void lose_name(void) { must(unlink("named")); must(mkfifo("named", 0600)); }
static void lose_child(void) { close(to_child); to_child = open("/dev/null", O_WRONLY); }

const struct kind kind = {
    "fifos", make, fill, check,
    (const struct loss[]){
        {"bytes on disk", lose_bytes}, {"bytes in memory", lose_memory}, {"bytes without a name", lose_unlinked},
        {"which FIFO has the name", lose_name}, {"the other process", lose_child}, {0}},
};
