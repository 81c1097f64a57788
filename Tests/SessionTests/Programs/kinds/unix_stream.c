// Unix stream sockets: bytes under way, ends that are closed or shut, servers with a name on disk, in memory, abstract or
// gone, a connection that nobody has accepted yet, options, and who is at the other end.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { INSIDE = 30000, PART = 1234, BUFFER = 1 << 17 };

static int pair[2], shut[2], closed, child;

static struct server {
    const char *name;
    struct sockaddr_un address;
    socklen_t size;
    int listener, client, accepted, waiting;
} servers[] = {{.name = "on disk"}, {.name = "in memory"}, {.name = "abstract"}, {.name = "whose name is gone"}};
enum { SERVERS = sizeof servers / sizeof *servers };

static uint64_t round_number;

static void set_address(struct server *server, const char *path, bool is_abstract)
{
    server->address.sun_family = AF_UNIX;
    int length = snprintf(server->address.sun_path + is_abstract, sizeof server->address.sun_path - is_abstract, "%s", path);
    server->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length + 1);
}

static int connect_to(const struct server *server)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&server->address, server->size) == 0)
        return fd;
    close(fd);
    return -1;
}

static void start_child(void)
{
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        uint64_t key = mix(50), number;
        while (read(ends[1], &number, sizeof number) == sizeof number) {
            number ^= key;
            if (write(ends[1], &number, sizeof number) != sizeof number)
                break;
        }
        _exit(0);
    }
    close(ends[1]);
    child = ends[0];
}

static void make(void)
{
    signal(SIGPIPE, SIG_IGN);
    start_child();
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    must(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){BUFFER}, sizeof(int)));
    must(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){3, 250000}, sizeof(struct timeval)));
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, shut));
    // With something unread in it, a socket that has this cannot be moved.
    must(setsockopt(shut[0], SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)));
    uint8_t bytes[PART];
    fill_bytes(bytes, PART, 40);
    must(write(shut[0], bytes, PART));
    must(shutdown(shut[0], SHUT_WR));
    int ends[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
    must(write(ends[1], bytes, PART));
    must(close(ends[1]));
    closed = ends[0];

    char name[64];
    snprintf(name, sizeof name, "/dev/shm/unix-%llx", (unsigned long long)nonce);
    set_address(&servers[0], "listener", false);
    set_address(&servers[1], name, false);
    snprintf(name, sizeof name, "kind-unix-%llx", (unsigned long long)nonce);
    set_address(&servers[2], name, true);
    set_address(&servers[3], "removed", false);
    for (int i = 0; i < SERVERS; i++) {
        struct server *server = &servers[i];
        server->listener = must(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
        must(bind(server->listener, (struct sockaddr *)&server->address, server->size));
        must(listen(server->listener, 5));
        server->client = must(connect_to(server));
        server->accepted = must(accept(server->listener, NULL, NULL));
    }
    must(unlink("removed"));
}

static void fill(void)
{
    round_number++;
    static uint8_t bytes[INSIDE];
    fill_bytes(bytes, INSIDE, round_number);
    must(write(pair[0], bytes, INSIDE));
    must(write(pair[1], bytes, INSIDE));
    if (!read_all(pair[1], bytes, PART))
        give_up("reads a part", __LINE__);
    uint64_t number = round_number;
    must(write(child, &number, sizeof number));
    for (int i = 0; i < SERVERS; i++) {
        number = mix(round_number * 100 + (uint64_t)i);
        must(write(servers[i].client, &number, sizeof number));
        must(write(servers[i].accepted, &number, sizeof number));
        // Its name is gone: nobody can come.
        servers[i].waiting = i < 3 ? must(connect_to(&servers[i])) : -1;
    }
}

static bool gets(int fd, uint64_t wanted)
{
    uint64_t number;
    return read_all(fd, &number, sizeof number) && number == wanted;
}

static void check_pairs(void)
{
    static uint8_t bytes[INSIDE], expected[INSIDE];
    fill_bytes(expected, INSIDE, round_number);
    expect(read_all(pair[1], bytes, INSIDE - PART) && memcmp(bytes, expected + PART, INSIDE - PART) == 0,
           "the bytes that nobody had read");
    expect(read_all(pair[0], bytes, INSIDE) && memcmp(bytes, expected, INSIDE) == 0, "the bytes the other way");
    expect(!readable(pair[0], 0) && !readable(pair[1], 0), "and no more");

    int value = 0;
    socklen_t size = sizeof value;
    expect(getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &value, &size) == 0 && value == 2 * BUFFER, "a buffer's size");
    value = 0;
    expect(getsockopt(shut[0], SOL_SOCKET, SO_PASSCRED, &value, &size) == 0 && value == 1, "an option");
    struct timeval patience = {0};
    size = sizeof patience;
    expect(getsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, &size) == 0 && patience.tv_sec == 3 &&
               patience.tv_usec >= 248000 && patience.tv_usec <= 252000,
           "a time limit");

    if (round_number == 1) {
        expect(read_all(shut[1], bytes, PART) && same_bytes(bytes, PART, 40), "what came before an end was shut");
        expect(read_all(closed, bytes, PART) && same_bytes(bytes, PART, 40), "what came before an end was closed");
    }
    expect(read(shut[1], bytes, 1) == 0, "the end of what was shut");
    expect(write(shut[1], "x", 1) == 1 && read_all(shut[0], bytes, 1), "the way back of what was shut");
    expect(write(shut[0], "x", 1) < 0 && errno == EPIPE, "no way where it was shut");
    expect(read(closed, bytes, 1) == 0, "the end of what was closed");
    expect(write(closed, "x", 1) < 0 && errno == EPIPE, "no way to what was closed");
}

static void check_server(struct server *server, int number)
{
    const char *name = server->name;
    uint64_t inside = mix(round_number * 100 + (uint64_t)number);
    expect(gets(server->accepted, inside) && gets(server->client, inside), "the bytes of a connection to a server %s", name);
    socklen_t size;
    struct ucred peer = {0};
    size = sizeof peer;
    expect(getsockopt(server->accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.pid == getpid() &&
               peer.uid == getuid() && peer.gid == getgid(),
           "who is connected to a server %s (%d %d %d)", name, peer.pid, peer.uid, peer.gid);
    if (server->waiting < 0)
        return;
    int accepted = accept(server->listener, NULL, NULL);
    expect(accepted >= 0 && write(server->waiting, &inside, sizeof inside) == sizeof inside && gets(accepted, inside),
           "a connection that a server %s had not accepted", name);
    close(server->waiting);
    if (accepted >= 0)
        close(accepted);
    int client = connect_to(server);
    accepted = accept(server->listener, NULL, NULL);
    expect(client >= 0 && accepted >= 0 && write(accepted, &inside, sizeof inside) == sizeof inside && gets(client, inside),
           "a new connection to a server %s", name);
    close(client);
    close(accepted);
}

static void check(void)
{
    check_pairs();
    for (int i = 0; i < SERVERS; i++)
        check_server(&servers[i], i);
    expect(access("removed", F_OK) < 0 && errno == ENOENT, "a name that is gone");
    expect(gets(child, round_number ^ mix(50)), "what another process had answered");
    uint64_t number = 3;
    expect(write(child, &number, sizeof number) == sizeof number && gets(child, 3 ^ mix(50)), "what another process answers");
}

static void lose_bytes(void) { uint8_t byte; read_all(pair[0], &byte, 1); }
static void lose_option(void) { setsockopt(shut[0], SOL_SOCKET, SO_PASSCRED, &(int){0}, sizeof(int)); }
static void lose_shut(void) { must(shutdown(shut[1], SHUT_WR)); }
static void lose_listener(void) { close(servers[2].listener); servers[2].listener = -1; }
static void lose_waiting(void) { close(accept(servers[0].listener, NULL, NULL)); }
static void lose_name(void) { must(unlink("listener")); }
static void lose_child(void) { close(child); child = open("/dev/null", O_RDWR); }

const struct kind kind = {
    "unix_stream", make, fill, check,
    (const struct loss[]){
        {"bytes", lose_bytes}, {"an option", lose_option}, {"that an end was not shut", lose_shut},
        {"a server", lose_listener}, {"a connection that was not accepted", lose_waiting}, {"a server's name", lose_name},
        {"the other process", lose_child}, {0}},
};
