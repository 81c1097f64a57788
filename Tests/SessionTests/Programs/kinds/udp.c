// UDP sockets, IPv4 and IPv6: names, connections, options. (What lies in one unread is lost at a move, as UDP may.)

#include "kind.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct family {
    const char *name;
    struct sockaddr_storage address;
    socklen_t size;
    int receiver, connected;
} families[] = {{.name = "IPv4"}, {.name = "IPv6"}};
enum { FAMILIES = sizeof families / sizeof *families };

static void make(void)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    memcpy(&families[0].address, &four, families[0].size = sizeof four);
    memcpy(&families[1].address, &six, families[1].size = sizeof six);
    for (int i = 0; i < FAMILIES; i++) {
        struct family *family = &families[i];
        family->receiver = must(socket(family->address.ss_family, SOCK_DGRAM, 0));
        must(bind(family->receiver, (struct sockaddr *)&family->address, family->size));
        must(getsockname(family->receiver, (struct sockaddr *)&family->address, &family->size));
        must(setsockopt(family->receiver, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int)));
        family->connected = must(socket(family->address.ss_family, SOCK_DGRAM, 0));
        must(connect(family->connected, (struct sockaddr *)&family->address, family->size));
    }
}

static void check(void)
{
    for (int i = 0; i < FAMILIES; i++) {
        struct family *family = &families[i];
        const char *name = family->name;
        struct sockaddr_storage address = {0}, from = {0}, own = {0};
        socklen_t size = sizeof address;
        expect(getsockname(family->receiver, (struct sockaddr *)&address, &size) == 0 && size == family->size &&
                   memcmp(&address, &family->address, size) == 0,
               "an address and port, %s", name);
        expect(getpeername(family->connected, (struct sockaddr *)&address, &size) == 0 && size == family->size &&
                   memcmp(&address, &family->address, size) == 0,
               "a connection, %s", name);
        int value = 0;
        expect(getsockopt(family->receiver, SOL_SOCKET, SO_BROADCAST, &value, &(socklen_t){sizeof value}) == 0 && value == 1,
               "an option, %s", name);
        uint64_t number = mix((uint64_t)i), received = 0;
        expect(send(family->connected, &number, sizeof number, 0) == sizeof number && readable(family->receiver, 5000) &&
                   recvfrom(family->receiver, &received, sizeof received, 0, (struct sockaddr *)&from, &size) ==
                       sizeof received && received == number,
               "a message, %s", name);
        socklen_t own_size = sizeof own;
        expect(getsockname(family->connected, (struct sockaddr *)&own, &own_size) == 0 && size == own_size &&
                   memcmp(&own, &from, size) == 0,
               "a message's sender, %s", name);
    }
}

static void lose_connection(void) { must(connect(families[1].connected, &(struct sockaddr){.sa_family = AF_UNSPEC}, 2)); }
static void lose_option(void) { must(setsockopt(families[0].receiver, SOL_SOCKET, SO_BROADCAST, &(int){0}, sizeof(int))); }
static void lose_port(void)
{
    close(families[0].receiver);
    families[0].receiver = must(socket(AF_INET, SOCK_DGRAM, 0));
}

const struct kind kind = {
    "udp", make, NULL, check,
    (const struct loss[]){{"a connection", lose_connection}, {"an option", lose_option}, {"a port", lose_port}, {0}},
};
