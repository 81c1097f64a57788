// What calls the outside in the pods of these tests. Static.
//
//   caller download ADDRESS PORT FILE   reads what the server sends without end, and connects again whenever that ends
//   caller idle ADDRESS PORT FILE       the same with a server that says nothing
//   caller udp ADDRESS PORT FILE        has its datagrams sent back, from one socket for ever
//   caller upload ADDRESS PORT BYTES    sends so many, and ends without waiting for anything
//   caller try ADDRESS PORT             connects; says "connected", or why not
//
// FILE: a number that is nowhere but in its memory, how much has come (bytes or datagrams), how many connections there
// were, its own address on the last one, and how the one before ended.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static struct sockaddr_in server;
static int file = -1;
static uint64_t nonce;
static unsigned long long received, connections;
static char own[INET_ADDRSTRLEN] = "-";
static char ending[64] = "-";

static void report(void)
{
    char line[256];
    int size = snprintf(line, sizeof line, "%016llx %llu %llu %s %s\n", (unsigned long long)nonce, received,
                        connections, own, ending);
    // Readers find whole lines: shorter ones are padded.
    memset(line + size, ' ', sizeof line - (size_t)size - 1);
    line[sizeof line - 1] = '\n';
    if (pwrite(file, line, sizeof line, 0) != sizeof line)
        exit(4);
}

static void note(const char *text)
{
    snprintf(ending, sizeof ending, "%s", text);
    for (char *c = ending; *c; c++)
        if (*c == ' ')
            *c = '-';
}

static int call(int type)
{
    int fd = socket(AF_INET, type, 0);
    if (fd < 0)
        abort();
    if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    struct sockaddr_in mine;
    socklen_t size = sizeof mine;
    if (getsockname(fd, (struct sockaddr *)&mine, &size) < 0 || !inet_ntop(AF_INET, &mine.sin_addr, own, sizeof own))
        abort();
    return fd;
}

static void read_for_ever(char mode)
{
    for (;; usleep(20000)) {
        int fd = call(SOCK_STREAM);
        if (fd < 0) {
            note(strerror(errno));
            report();
            continue;
        }
        connections++;
        report();
        char buffer[4096];
        ssize_t count = send(fd, &mode, 1, MSG_NOSIGNAL);
        while (count > 0) {
            count = recv(fd, buffer, sizeof buffer, 0);
            received += count > 0 ? (unsigned long long)count : 0;
            report();
        }
        note(count == 0 ? "end" : strerror(errno));
        close(fd);
        report();
    }
}

static void datagrams(void)
{
    int fd = call(SOCK_DGRAM);
    if (fd < 0)
        abort();
    connections = 1;
    struct timeval patience = {.tv_usec = 200000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    for (uint64_t number = 1;; number++, usleep(20000)) {
        uint64_t answer = 0;
        if (send(fd, &number, sizeof number, 0) < 0)
            note(strerror(errno));
        while (recv(fd, &answer, sizeof answer, 0) == sizeof answer && answer < number)
            ;
        received += answer == number;
        report();
    }
}

static int upload(unsigned long long left)
{
    char buffer[65536] = "u";
    int fd = call(SOCK_STREAM);
    if (fd < 0)
        return 1;
    while (left > 0) {
        ssize_t count = send(fd, buffer, left < sizeof buffer ? left : sizeof buffer, MSG_NOSIGNAL);
        if (count <= 0)
            return 1;
        left -= (unsigned long long)count;
    }
    return 0;
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 64;
    server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[3]))};
    if (inet_pton(AF_INET, arguments[2], &server.sin_addr) != 1)
        return 64;
    if (strcmp(arguments[1], "try") == 0) {
        puts(call(SOCK_STREAM) < 0 ? strerror(errno) : "connected");
        return 0;
    }
    if (count < 5)
        return 64;
    if (strcmp(arguments[1], "upload") == 0)
        return upload(strtoull(arguments[4], NULL, 10));
    file = open(arguments[4], O_CREAT | O_TRUNC | O_RDWR, 0644);
    if (file < 0 || getrandom(&nonce, sizeof nonce, 0) != sizeof nonce)
        abort();
    if (strcmp(arguments[1], "download") == 0)
        read_for_ever('d');
    if (strcmp(arguments[1], "idle") == 0)
        read_for_ever('i');
    if (strcmp(arguments[1], "udp") == 0)
        datagrams();
    return 64;
}
