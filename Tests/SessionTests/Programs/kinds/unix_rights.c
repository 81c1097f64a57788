// Descriptors in flight: sent over unix sockets of each type and not received yet, and nowhere else any more.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTENTS = 500, OFFSET = 123 };

static const struct way {
    const char *name;
    int type;
} ways[] = {{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM}, {"seqpacket", SOCK_SEQPACKET}};
enum { WAYS = sizeof ways / sizeof *ways };

enum { PIPE, FILE_ON_DISK, MEMORY, SOCKET, DELETED, RIGHTS };
static int pairs[WAYS][2];
/// The other ends of what is in flight.
static int pipes[WAYS], sockets[WAYS];
static uint64_t round_number;

static void send_rights(int socket, const int *fds, int count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * RIGHTS)];
        struct cmsghdr align;
    } control = {0};
    uint64_t number = mix(round_number);
    struct iovec data = {&number, sizeof number};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)count);
    must(sendmsg(socket, &message, 0));
    for (int i = 0; i < count; i++)
        must(close(fds[i]));
}

static bool receive_rights(int socket, int *fds, int count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * RIGHTS)];
        struct cmsghdr align;
    } control = {0};
    uint64_t number = 0;
    struct iovec data = {&number, sizeof number};
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (!readable(socket, 5000) || recvmsg(socket, &message, 0) != sizeof number || number != mix(round_number))
        return false;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int) * (size_t)count))
        return false;
    memcpy(fds, CMSG_DATA(header), sizeof(int) * (size_t)count);
    return true;
}

static void make(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < WAYS; i++)
        must(socketpair(AF_UNIX, ways[i].type, 0, pairs[i]));
}

static void fill(void)
{
    round_number++;
    for (int i = 0; i < WAYS; i++) {
        uint8_t bytes[CONTENTS];
        uint64_t tag = round_number * 1000 + (uint64_t)i * 10;
        int fds[RIGHTS], ends[2];
        must(pipe(ends));
        fds[PIPE] = ends[0];
        pipes[i] = ends[1];
        fill_bytes(bytes, CONTENTS, tag + PIPE);
        must(write(ends[1], bytes, CONTENTS));

        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
        fds[SOCKET] = ends[0];
        sockets[i] = ends[1];
        fill_bytes(bytes, CONTENTS, tag + SOCKET);
        must(write(ends[1], bytes, CONTENTS));

        fds[FILE_ON_DISK] = must(open("file", O_CREAT | O_TRUNC | O_RDWR, 0600));
        fds[DELETED] = must(open("deleted", O_CREAT | O_EXCL | O_RDWR, 0600));
        fds[MEMORY] = must(memfd_create("memory", 0));
        must(unlink("deleted"));
        static const int files[] = {FILE_ON_DISK, DELETED, MEMORY};
        for (int j = 0; j < 3; j++) {
            fill_bytes(bytes, CONTENTS, files[j] == FILE_ON_DISK ? round_number : tag + (uint64_t)files[j]);
            must(write(fds[files[j]], bytes, CONTENTS));
            must(lseek(fds[files[j]], OFFSET, SEEK_SET));
        }
        send_rights(pairs[i][0], fds, RIGHTS);
    }
}

static bool has_contents(int fd, uint64_t tag)
{
    uint8_t bytes[CONTENTS];
    return read_all(fd, bytes, CONTENTS) && same_bytes(bytes, CONTENTS, tag);
}

/// A file: its place in it, and then all of it.
static bool is_file(int fd, uint64_t tag)
{
    return lseek(fd, 0, SEEK_CUR) == OFFSET && lseek(fd, 0, SEEK_SET) == 0 && has_contents(fd, tag);
}

static void check(void)
{
    for (int i = 0; i < WAYS; i++) {
        uint64_t tag = round_number * 1000 + (uint64_t)i * 10;
        int fds[RIGHTS] = {-1, -1, -1, -1, -1};
        uint8_t byte;
        const char *name = ways[i].name;
        expect(receive_rights(pairs[i][1], fds, RIGHTS), "a message with descriptors, %s", name);
        expect(has_contents(fds[PIPE], tag + PIPE), "a pipe in flight, %s", name);
        expect(write(pipes[i], "x", 1) == 1 && read_all(fds[PIPE], &byte, 1), "and its other end, %s", name);
        expect(has_contents(fds[SOCKET], tag + SOCKET), "a socket in flight, %s", name);
        expect(write(fds[SOCKET], "x", 1) == 1 && read_all(sockets[i], &byte, 1), "and its other end, %s", name);
        expect(is_file(fds[FILE_ON_DISK], round_number), "a file in flight, %s", name);
        expect(is_file(fds[MEMORY], tag + MEMORY), "memory in flight, %s", name);
        expect(is_file(fds[DELETED], tag + DELETED), "a deleted file in flight, %s", name);
        for (int j = 0; j < RIGHTS; j++)
            close(fds[j]);
        close(pipes[i]);
        close(sockets[i]);
    }
}

static void lose_message(void) { must(recv(pairs[1][1], NULL, 0, 0)); }
static void lose_descriptors(void)
{
    uint64_t number;
    must(recv(pairs[0][1], &number, sizeof number, 0));
    must(send(pairs[0][0], &number, sizeof number, 0));
}
static void lose_pipe(void) { close(pipes[2]); pipes[2] = open("/dev/null", O_WRONLY); }

const struct kind kind = {
    "unix_rights", make, fill, check,
    (const struct loss[]){
        {"a message", lose_message}, {"a message's descriptors", lose_descriptors}, {"a pipe's other end", lose_pipe}, {0}},
};
