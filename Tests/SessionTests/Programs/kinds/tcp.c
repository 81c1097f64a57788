// TCP connections inside the pod, IPv4 and IPv6: bytes under way both ways, ends that are shut, options, servers.

#include "kind.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INSIDE = 60000, PART = 4321 };

static struct family {
    const char *name;
    struct sockaddr_storage address;
    socklen_t size;
    int listener, client, server, shut_client, shut_server, child;
} families[] = {{.name = "IPv4"}, {.name = "IPv6"}};
enum { FAMILIES = sizeof families / sizeof *families };

static uint64_t round_number;

static int connect_to(const struct family *family)
{
    int fd = socket(family->address.ss_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&family->address, family->size) == 0)
        return fd;
    close(fd);
    return -1;
}

static int accept_from(const struct family *family)
{
    return readable(family->listener, 5000) ? accept(family->listener, NULL, NULL) : -1;
}

static void listen_at(struct family *family, int number)
{
    if (number == 0) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        memcpy(&family->address, &address, family->size = sizeof address);
    } else {
        struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        memcpy(&family->address, &address, family->size = sizeof address);
    }
    family->listener = must(socket(family->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0));
    must(bind(family->listener, (struct sockaddr *)&family->address, family->size));
    must(listen(family->listener, 7));
    must(getsockname(family->listener, (struct sockaddr *)&family->address, &family->size));
}

/// Another process, that answers a number.
static int start_child(const struct family *family)
{
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = must(connect_to(family));
        uint64_t key = mix(50), number;
        while (read(fd, &number, sizeof number) == sizeof number) {
            number ^= key;
            if (write(fd, &number, sizeof number) != sizeof number)
                break;
        }
        _exit(0);
    }
    return must(accept_from(family));
}

static void make(void)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < FAMILIES; i++) {
        struct family *family = &families[i];
        listen_at(family, i);
        family->child = start_child(family);
        family->client = must(connect_to(family));
        family->server = must(accept_from(family));
        must(setsockopt(family->client, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
        must(setsockopt(family->client, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)));
        must(setsockopt(family->client, IPPROTO_TCP, TCP_KEEPIDLE, &(int){1234}, sizeof(int)));
        family->shut_client = must(connect_to(family));
        family->shut_server = must(accept_from(family));
        uint8_t bytes[PART];
        fill_bytes(bytes, PART, 40);
        must(write(family->shut_client, bytes, PART));
        must(shutdown(family->shut_client, SHUT_WR));
    }
}

static void fill(void)
{
    round_number++;
    static uint8_t bytes[INSIDE];
    for (int i = 0; i < FAMILIES; i++) {
        uint64_t tag = round_number * 10 + (uint64_t)i;
        fill_bytes(bytes, INSIDE, tag);
        must(write(families[i].client, bytes, INSIDE));
        must(write(families[i].server, bytes, INSIDE));
        if (!read_all(families[i].server, bytes, PART))
            give_up("reads a part", __LINE__);
        must(write(families[i].child, &tag, sizeof tag));
    }
}

static int option(int fd, int level, int name)
{
    int value = -1;
    getsockopt(fd, level, name, &value, &(socklen_t){sizeof value});
    return value;
}

static void check_family(struct family *family, uint64_t tag)
{
    static uint8_t bytes[INSIDE], expected[INSIDE];
    const char *name = family->name;
    fill_bytes(expected, INSIDE, tag);
    expect(read_all(family->server, bytes, INSIDE - PART) && memcmp(bytes, expected + PART, INSIDE - PART) == 0,
           "the bytes that nobody had read, %s", name);
    expect(read_all(family->client, bytes, INSIDE) && memcmp(bytes, expected, INSIDE) == 0, "the bytes back, %s", name);
    expect(option(family->client, IPPROTO_TCP, TCP_NODELAY) == 1 && option(family->client, SOL_SOCKET, SO_KEEPALIVE) == 1 &&
               option(family->client, IPPROTO_TCP, TCP_KEEPIDLE) == 1234,
           "options, %s", name);
    if (round_number == 1)
        expect(read_all(family->shut_server, bytes, PART) && same_bytes(bytes, PART, 40), "what came before the end, %s", name);
    expect(readable(family->shut_server, 0) && read(family->shut_server, bytes, 1) == 0, "the end, %s", name);
    expect(write(family->shut_server, "x", 1) == 1 && read_all(family->shut_client, bytes, 1), "the way back, %s", name);
    expect(write(family->shut_client, "x", 1) < 0 && errno == EPIPE, "no way where it was shut, %s", name);

    uint64_t number = 0;
    expect(read_all(family->child, &number, sizeof number) && number == (tag ^ mix(50)),
           "what another process had answered, %s", name);
    number = 3;
    expect(write(family->child, &number, sizeof number) == sizeof number && read_all(family->child, &number, sizeof number) &&
               number == (3 ^ mix(50)),
           "what another process answers, %s", name);
    int client = connect_to(family), server = accept_from(family);
    expect(client >= 0 && server >= 0 && write(server, &tag, sizeof tag) == sizeof tag &&
               read_all(client, &number, sizeof number) && number == tag,
           "a new connection, %s", name);
    close(client);
    close(server);
}

static void check(void)
{
    for (int i = 0; i < FAMILIES; i++)
        check_family(&families[i], round_number * 10 + (uint64_t)i);
}

static void lose_bytes(void) { uint8_t byte; read_all(families[0].client, &byte, 1); }
static void lose_bytes_6(void) { uint8_t byte; read_all(families[1].server, &byte, 1); }
static void lose_connection(void)
{
    must(setsockopt(families[1].client, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)));
    close(families[1].client);
    families[1].client = must(socket(AF_INET6, SOCK_STREAM, 0));
}
static void lose_option(void) { must(setsockopt(families[0].client, IPPROTO_TCP, TCP_KEEPIDLE, &(int){9}, sizeof(int))); }
static void lose_listener(void) { close(families[0].listener); families[0].listener = -1; }
static void lose_child(void) { must(shutdown(families[0].child, SHUT_RDWR)); }

const struct kind kind = {
    "tcp", make, fill, check,
    (const struct loss[]){
        {"bytes", lose_bytes}, {"bytes, IPv6", lose_bytes_6}, {"a connection", lose_connection}, {"an option", lose_option},
        {"a server", lose_listener}, {"the other process", lose_child}, {0}},
};
