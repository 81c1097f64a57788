// Unix sockets of sequenced packets: messages are whole, in order, and the end comes after the last.

#include "kind.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGES = 4 };

static struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "listener"};
static int pair[2], ended[2], listener, client, accepted;
static uint64_t round_number;

static size_t message_size(int number) { return (size_t)(mix(200 + (uint64_t)number) % 5000) + 1; }

static void send_all(int fd, uint64_t tag)
{
    uint8_t bytes[5000];
    for (int number = 0; number < MESSAGES; number++) {
        size_t size = message_size(number);
        fill_bytes(bytes, size, tag + (uint64_t)number);
        must(send(fd, bytes, size, MSG_NOSIGNAL));
    }
}

static bool all_come(int fd, uint64_t tag)
{
    uint8_t bytes[8000];
    for (int number = 0; number < MESSAGES; number++) {
        size_t size = message_size(number);
        if (!readable(fd, 5000) || recv(fd, bytes, sizeof bytes, 0) != (ssize_t)size ||
            !same_bytes(bytes, size, tag + (uint64_t)number))
            return false;
    }
    return true;
}

static int connect_one(void)
{
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void make(void)
{
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ended));
    send_all(ended[0], 40);
    must(close(ended[0]));
    listener = must(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0));
    must(bind(listener, (struct sockaddr *)&address, sizeof address));
    must(listen(listener, 3));
    client = must(connect_one());
    accepted = must(accept(listener, NULL, NULL));
}

static void fill(void)
{
    round_number++;
    send_all(pair[0], 100 * round_number);
    send_all(pair[1], 100 * round_number + 20);
    send_all(client, 100 * round_number + 40);
}

static void check(void)
{
    expect(all_come(pair[1], 100 * round_number), "the messages of a pair");
    expect(all_come(pair[0], 100 * round_number + 20), "the messages the other way");
    expect(all_come(accepted, 100 * round_number + 40), "the messages to a server");
    expect(recv(pair[0], NULL, 0, MSG_DONTWAIT) < 0 && errno == EAGAIN, "and no more");
    if (round_number == 1)
        expect(all_come(ended[1], 40), "the messages before the end");
    uint8_t byte;
    expect(recv(ended[1], &byte, 1, 0) == 0, "the end");
    expect(send(ended[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE, "no way to who has ended");
    int another = connect_one(), its = accept(listener, NULL, NULL);
    expect(another >= 0 && its >= 0 && send(another, "abc", 3, 0) == 3 && recv(its, &byte, 1, MSG_TRUNC) == 3,
           "a new connection");
    close(another);
    close(its);
}

static void lose_message(void) { must(recv(pair[0], NULL, 0, 0)); }
static void lose_order(void)
{
    uint8_t bytes[5000];
    ssize_t size = must(recv(pair[1], bytes, sizeof bytes, 0));
    send_all(pair[0], 1);
    must(send(pair[0], bytes, (size_t)size, 0));
}
static void lose_listener(void) { must(shutdown(listener, SHUT_RDWR)); }

const struct kind kind = {
    "unix_seqpacket", make, fill, check,
    (const struct loss[]){
        {"a message", lose_message}, {"the order of messages", lose_order}, {"a server", lose_listener}, {0}},
};
