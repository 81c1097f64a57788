// What runs in the pods of these tests. Static: their root file systems are as small as can be.
//
//   witness count FILE     counts, 50 times a second, beside a number that is nowhere but in its memory
//   witness tcp FILE       the same through a TCP connection with itself; ends with 3 if a byte is lost or altered
//   witness hold PATH      holds a connection to a unix socket
//   witness late MS FILE   accepts a connection of its own, to which it has written, so late; then counts
//   witness files DIR FILE counts as long as what it has open in a folder of its own is what it should be: files that it
//                          writes, maps, has linked twice, has deleted, and left full of holes
//   witness unaccepted FILE  connects to itself and accepts nothing; counts when it finds the connection reset
//   witness fill BYTES     keeps so many random bytes in memory, and says when it has them

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t nonce(void)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        abort();
    return number;
}

static void report(int file, uint64_t nonce, uint64_t count)
{
    char line[64];
    int size = snprintf(line, sizeof line, "%016llx %llu\n", (unsigned long long)nonce, (unsigned long long)count);
    if (pwrite(file, line, (size_t)size, 0) != size)
        exit(4);
}

static int open_report(const char *path)
{
    int file = open(path, O_CREAT | O_TRUNC | O_RDWR, 0644);
    if (file < 0) {
        perror(path);
        exit(2);
    }
    return file;
}

static void count(const char *path)
{
    int file = open_report(path);
    uint64_t mine = nonce();
    for (uint64_t i = 1;; i++) {
        report(file, mine, i);
        usleep(20000);
    }
}

static void tcp_pair(int ends[2])
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        abort();
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(ends[0], (struct sockaddr *)&address, sizeof address) < 0)
        abort();
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static int tcp(const char *path)
{
    int file = open_report(path), ends[2];
    uint64_t mine = nonce();
    tcp_pair(ends);
    for (uint64_t i = 1;; i++) {
        uint64_t sent = mine ^ i, received;
        if (write(ends[0], &sent, sizeof sent) != sizeof sent)
            return 3;
        if (i <= 4)
            continue;
        // Some are always under way.
        if (read(ends[1], &received, sizeof received) != sizeof received || received != (mine ^ (i - 4)))
            return 3;
        report(file, mine, i);
        usleep(20000);
    }
}

static int unaccepted(const char *path)
{
    int file = open_report(path), listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    uint64_t mine = nonce();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char byte = 'x';
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        connect(client, (struct sockaddr *)&address, sizeof address) < 0 || write(client, &byte, 1) != 1)
        abort();
    report(file, mine, 0);
    ssize_t count;
    do
        count = read(client, &byte, 1);
    while (count < 0 && errno == EINTR);
    if (count >= 0 || errno != ECONNRESET)
        return 3;
    for (uint64_t i = 1;; i++) {
        report(file, mine, i);
        usleep(20000);
    }
}

static int hold(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror(path);
        return 2;
    }
    for (;;)
        pause();
}

// Files of every kind that a layer can hold, open at once.
struct files {
    int written, linked, deleted, sparse, read;
    uint64_t *mapped;
};

enum { HOLE = 1 << 20 };

static int open_in(const char *folder, const char *name, int flags)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int file = open(path, flags, 0644);
    if (file < 0) {
        perror(path);
        exit(2);
    }
    return file;
}

static void put(int file, uint64_t value, off_t offset)
{
    if (pwrite(file, &value, sizeof value, offset) != sizeof value)
        exit(4);
}

static int has(int file, uint64_t value, off_t offset)
{
    uint64_t found = 0;
    return pread(file, &found, sizeof found, offset) == sizeof found && found == value;
}

static int has_path(const char *folder, const char *name, uint64_t value, off_t offset)
{
    int file = open_in(folder, name, O_RDONLY), result = has(file, value, offset);
    close(file);
    return result;
}

// What a program that holds a file takes for granted: its name leads to it.
static int is_at(int file, const char *folder, const char *name)
{
    char path[512];
    struct stat ours, there;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fstat(file, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
           ours.st_dev == there.st_dev;
}

static void open_files(struct files *files, const char *folder, uint64_t mine)
{
    char path[512], other[512];
    files->written = open_in(folder, "written", O_CREAT | O_RDWR);
    files->linked = open_in(folder, "linked", O_CREAT | O_RDWR);
    snprintf(path, sizeof path, "%s/linked", folder);
    snprintf(other, sizeof other, "%s/linked-too", folder);
    if (link(path, other) < 0)
        exit(4);
    files->deleted = open_in(folder, "deleted", O_CREAT | O_RDWR);
    snprintf(path, sizeof path, "%s/deleted", folder);
    unlink(path);
    files->sparse = open_in(folder, "sparse", O_CREAT | O_RDWR);
    put(files->sparse, mine, HOLE);
    int read_only = open_in(folder, "read", O_CREAT | O_RDWR);
    put(read_only, mine, 0);
    close(read_only);
    files->read = open_in(folder, "read", O_RDONLY);
    int mapped = open_in(folder, "mapped", O_CREAT | O_RDWR);
    if (ftruncate(mapped, 4096) < 0)
        exit(4);
    files->mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0);
    close(mapped);
    if (files->mapped == MAP_FAILED)
        exit(4);
}

// Ends with 10 and up, each for what was not as it should be.
static int hold_files(const char *folder, const char *report_path)
{
    struct files files;
    uint64_t mine = nonce();
    if (mkdir(folder, 0755) < 0)
        return 2;
    open_files(&files, folder, mine);
    int file = open_report(report_path);
    for (uint64_t i = 1;; i++) {
        put(files.written, mine ^ i, 0);
        put(files.linked, mine ^ i, 0);
        put(files.deleted, mine ^ i, 0);
        files.mapped[1] = mine ^ i;
        report(file, mine, i);
        usleep(20000);
        if (!has(files.written, mine ^ i, 0) || !has_path(folder, "written", mine ^ i, 0))
            return 10;
        if (!has(files.linked, mine ^ i, 0) || !has_path(folder, "linked", mine ^ i, 0))
            return 11;
        if (!has(files.deleted, mine ^ i, 0))
            return 12;
        if (!has(files.sparse, mine, HOLE) || !has(files.sparse, 0, HOLE / 2))
            return 13;
        if (!has(files.read, mine, 0) || !is_at(files.read, folder, "read"))
            return 14;
        if (files.mapped[1] != (mine ^ i) || !has_path(folder, "mapped", mine ^ i, 8))
            return 15;
        if (!is_at(files.written, folder, "written") || !is_at(files.sparse, folder, "sparse"))
            return 16;
    }
}

static int fill(const char *text)
{
    size_t size = strtoull(text, NULL, 10);
    char *memory = malloc(size);
    for (size_t done = 0; done < size;) {
        ssize_t got = getrandom(memory + done, size - done, 0);
        if (got < 0)
            abort();
        done += (size_t)got;
    }
    puts("full");
    fflush(stdout);
    for (;;)
        pause();
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void late(const char *milliseconds, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/root/late"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte = 'x', received = 0;
    unlink(address.sun_path);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0 ||
        connect(client, (struct sockaddr *)&address, sizeof address) < 0 || write(client, &byte, 1) != 1)
        abort();
    report(open_report(path), 0, 0);
    // A sleep ends early when a dump was tried.
    for (uint64_t end = now_ms() + (uint64_t)atol(milliseconds); now_ms() < end;)
        usleep(10000);
    int server = accept(listener, NULL, NULL);
    if (server < 0 || read(server, &received, 1) != 1 || received != byte)
        abort();
    count(path);
}

int main(int count_of_arguments, char **arguments)
{
    if (count_of_arguments == 3) {
        if (strcmp(arguments[1], "count") == 0)
            count(arguments[2]);
        if (strcmp(arguments[1], "tcp") == 0)
            return tcp(arguments[2]);
        if (strcmp(arguments[1], "unaccepted") == 0)
            return unaccepted(arguments[2]);
        if (strcmp(arguments[1], "hold") == 0)
            return hold(arguments[2]);
        if (strcmp(arguments[1], "fill") == 0)
            return fill(arguments[2]);
    }
    if (count_of_arguments == 4 && strcmp(arguments[1], "files") == 0)
        return hold_files(arguments[2], arguments[3]);
    if (count_of_arguments == 4 && strcmp(arguments[1], "late") == 0)
        late(arguments[2], arguments[3]);
    return 64;
}
