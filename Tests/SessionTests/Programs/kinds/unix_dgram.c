// Unix datagram sockets: the messages in them, whole and with their senders; names on disk and abstract; connected ones.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGES = 3 };

static struct place {
    const char *name;
    struct sockaddr_un address;
    socklen_t size;
    int receiver, sender;
} places[] = {{.name = "on disk"}, {.name = "abstract"}};
enum { PLACES = sizeof places / sizeof *places };

static struct sockaddr_un sender_address;
static socklen_t sender_size;
static int pair[2], connected, named_sender;
static uint64_t round_number;

static socklen_t set_address(struct sockaddr_un *address, const char *path, bool is_abstract)
{
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path + is_abstract, sizeof address->sun_path - is_abstract, "%s", path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length + 1);
}

static size_t message_size(int number) { return (size_t)(mix(200 + (uint64_t)number) % 500) + 1; }

static void make(void)
{
    char name[64];
    snprintf(name, sizeof name, "kind-dgram-%llx", (unsigned long long)nonce);
    places[0].size = set_address(&places[0].address, "receiver", false);
    places[1].size = set_address(&places[1].address, name, true);
    sender_size = set_address(&sender_address, "sender", false);
    named_sender = must(socket(AF_UNIX, SOCK_DGRAM, 0));
    must(bind(named_sender, (struct sockaddr *)&sender_address, sender_size));
    for (int i = 0; i < PLACES; i++) {
        places[i].receiver = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0));
        must(bind(places[i].receiver, (struct sockaddr *)&places[i].address, places[i].size));
        places[i].sender = must(socket(AF_UNIX, SOCK_DGRAM, 0));
    }
    connected = must(socket(AF_UNIX, SOCK_DGRAM, 0));
    must(connect(connected, (struct sockaddr *)&places[0].address, places[0].size));
    must(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair));
}

static void fill(void)
{
    uint8_t bytes[512];
    round_number++;
    for (int number = 0; number < MESSAGES; number++) {
        size_t size = message_size(number);
        fill_bytes(bytes, size, round_number * 10 + (uint64_t)number);
        must(send(pair[0], bytes, size, 0));
        for (int i = 0; i < PLACES; i++) {
            int sender = number == 1 ? named_sender : places[i].sender;
            must(sendto(sender, bytes, size, 0, (struct sockaddr *)&places[i].address, places[i].size));
        }
    }
}

static bool comes(int fd, int number)
{
    uint8_t bytes[1024];
    size_t size = message_size(number);
    return readable(fd, 5000) && recv(fd, bytes, sizeof bytes, 0) == (ssize_t)size &&
           same_bytes(bytes, size, round_number * 10 + (uint64_t)number);
}

static void check(void)
{
    for (int i = 0; i < PLACES; i++) {
        struct place *place = &places[i];
        expect(comes(place->receiver, 0), "the first message to one %s", place->name);
        expect(comes(place->receiver, 1) && comes(place->receiver, 2), "the other messages to one %s", place->name);
        expect(recv(place->receiver, NULL, 0, 0) < 0 && errno == EAGAIN, "and no more to one %s", place->name);
        // Of messages that lay in it over a move the sender's name is lost.
        struct sockaddr_un from = {0};
        socklen_t size = sizeof from;
        uint64_t number = mix(3), received = 0;
        expect(sendto(named_sender, &number, sizeof number, 0, (struct sockaddr *)&place->address, place->size) > 0 &&
                   readable(place->receiver, 5000) &&
                   recvfrom(place->receiver, &received, sizeof received, 0, (struct sockaddr *)&from, &size) > 0 &&
                   received == number,
               "a new message to one %s", place->name);
        expect(size == sender_size && memcmp(&from, &sender_address, size) == 0, "a new message's sender, %s", place->name);
    }
    expect(comes(pair[1], 0) && comes(pair[1], 1) && comes(pair[1], 2), "the messages of a pair");
    uint64_t number = mix(4), received = 0;
    expect(send(connected, &number, sizeof number, 0) > 0 && read_all(places[0].receiver, &received, sizeof received) &&
               received == number,
           "a connected socket");
    expect(send(pair[1], &number, sizeof number, 0) > 0 && read_all(pair[0], &received, sizeof received) &&
               received == number,
           "a pair");
}

static void lose_message(void) { must(recv(places[1].receiver, NULL, 0, 0)); }
static void lose_pair(void) { must(recv(pair[1], NULL, 0, 0)); }
static void lose_name(void)
{
    must(unlink("receiver"));
    sender_size = 2;
}
static void lose_connection(void) { must(connect(connected, &(struct sockaddr){.sa_family = AF_UNSPEC}, 2)); }

const struct kind kind = {
    "unix_dgram", make, fill, check,
    (const struct loss[]){
        {"a message", lose_message}, {"a message in a pair", lose_pair}, {"a name and a sender", lose_name},
        {"a connection", lose_connection}, {0}},
};
