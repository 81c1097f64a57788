// What runs in the pods of these tests. Static: their root file systems are as small as can be.
//
//   witness count FILE     counts, 50 times a second, beside a number that is nowhere but in its memory
//   witness tcp FILE       the same through a TCP connection with itself; ends with 3 if a byte is lost or altered
//   witness hold PATH      holds a connection to a unix socket
//   witness late MS FILE   accepts a connection of its own, to which it has written, so late; then counts
//   witness fill BYTES     keeps so many random bytes in memory, and says when it has them

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
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
        if (strcmp(arguments[1], "hold") == 0)
            return hold(arguments[2]);
        if (strcmp(arguments[1], "fill") == 0)
            return fill(arguments[2]);
    }
    if (count_of_arguments == 4 && strcmp(arguments[1], "late") == 0)
        late(arguments[2], arguments[3]);
    return 64;
}
