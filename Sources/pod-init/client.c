#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "PodInitABI.h"
#include "program.h"
#include "request.h"

/// What an unmapped user id reads as: with a user namespace, that of everybody outside the pod, its engine
/// included.
#define OVERFLOW_UID 65534

/// How many requests one client gets served before it is the next one's turn.
#define REQUESTS_PER_TURN 16

struct packet {
    struct packet *next;
    size_t size;
    char bytes[];
};

struct client clients[CLIENT_LIMIT];

static struct watch listener = {.fd = -1};
static uint32_t last_serial;

#define FOR_EACH_CLIENT(client) for (struct client *client = clients; client < clients + CLIENT_LIMIT; client++)

/// The folder is what keeps the pod's ordinary users away; it may be left over, but only as the root's own.
static bool make_folder(void)
{
    struct stat status;
    mkdir("/run", 0755);
    if (mkdir(POD_INIT_FOLDER, 0700) < 0 && errno != EEXIST)
        return false;
    if (lstat(POD_INIT_FOLDER, &status) < 0)
        return false;
    if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid()) {
        errno = EEXIST;
        return false;
    }
    return chmod(POD_INIT_FOLDER, 0700) == 0;
}

const char *clients_listen(void)
{
    FOR_EACH_CLIENT(client)
        client->socket = WATCH_NONE;

    if (!make_folder())
        return POD_INIT_FOLDER;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = POD_INIT_SOCKET};
    if (unlink(POD_INIT_SOCKET) < 0 && errno != ENOENT)
        return "unlink(" POD_INIT_SOCKET ")";
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return "socket()";
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(POD_INIT_SOCKET, 0600) < 0)
        return "bind(" POD_INIT_SOCKET ")";
    if (listen(fd, 8) < 0)
        return "listen()";
    watch_init(&listener, fd, WATCH_LISTENER, 0);
    watch_want(&listener, EPOLLIN);
    return NULL;
}

void clients_listen_again(void)
{
    watch_want(&listener, EPOLLIN);
}

/// Whether the peer may give orders: the pod's root, or somebody outside the pod who got through its root's folder.
static bool may_connect(int fd, bool *inside)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return false;
    // A process outside our pid namespace has no pid in it. That tells the engine from the pod's own user 65534.
    *inside = peer.pid != 0;
    return peer.uid == 0 || (peer.uid == OVERFLOW_UID && !*inside);
}

/// Whether the socket belongs to another network namespace than we do, where CRIU would not find it.
static bool is_foreign(int fd)
{
    uint64_t own, other;
    socklen_t own_size = sizeof own, other_size = sizeof other;
    // Before Linux 5.14 there is no telling.
    return getsockopt(listener.fd, SOL_SOCKET, SO_NETNS_COOKIE, &own, &own_size) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &other, &other_size) == 0 && own != other;
}

static struct client *free_client(bool inside)
{
    struct client *chosen = NULL;
    int insiders = 0;
    FOR_EACH_CLIENT(client) {
        if (client->socket.fd < 0)
            chosen = client;
        else if (client->inside)
            insiders++;
    }
    return inside && insiders >= CLIENT_LIMIT_INSIDE ? NULL : chosen;
}

void clients_accept(void)
{
    int fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        // Out of descriptors or memory, the connection stays in the queue and would wake us for ever.
        if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR)
            watch_want(&listener, 0);
        return;
    }

    bool inside;
    struct client *client;
    if (!may_connect(fd, &inside) || (client = free_client(inside)) == NULL) {
        close(fd);
        return;
    }
    *client = (struct client){.serial = ++last_serial, .inside = inside, .foreign = is_foreign(fd)};
    client->last = &client->first;
    watch_init(&client->socket, fd, WATCH_CLIENT, client->serial);
    watch_want(&client->socket, EPOLLIN);
}

static void discard_queue(struct client *client)
{
    while (client->first != NULL) {
        struct packet *packet = client->first;
        client->first = packet->next;
        free(packet);
    }
    client->last = &client->first;
}

static void drop(struct client *client)
{
    discard_queue(client);
    watch_close(&client->socket);
    programs_detach((int)(client - clients));
    clients_listen_again();
}

/// Sends one packet. False: not now.
static bool transmit(struct client *client, const void *first, size_t first_size, const void *rest,
                     size_t rest_size)
{
    struct iovec parts[2] = {
        {.iov_base = (void *)first, .iov_len = first_size},
        {.iov_base = (void *)rest, .iov_len = rest_size},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t count;
    do
        count = sendmsg(client->socket.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (count < 0 && errno == EINTR);

    if (count >= 0)
        return true;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
        return false;
    // The peer has closed, or reads no more. Requests that it sent before are still to be read: it is dropped at
    // their end.
    client->deaf = true;
    return true;
}

static void enqueue(struct client *client, const void *first, size_t first_size, const void *rest, size_t rest_size)
{
    struct packet *packet = malloc(sizeof *packet + first_size + rest_size);
    if (packet == NULL) {
        // A stream with a hole would be worse than none. This end becomes readable, and the loop drops the client.
        client->deaf = true;
        shutdown(client->socket.fd, SHUT_RDWR);
        return;
    }
    packet->next = NULL;
    packet->size = first_size + rest_size;
    memcpy(packet->bytes, first, first_size);
    if (rest_size > 0)
        memcpy(packet->bytes + first_size, rest, rest_size);
    *client->last = packet;
    client->last = &packet->next;
    // Its requests have to wait, so that the queue cannot grow beyond the answers to one of them.
    watch_want(&client->socket, EPOLLOUT);
}

void client_send(int index, const void *message, size_t size, const void *rest, size_t rest_size)
{
    if (index < 0)
        return;
    struct client *client = &clients[index];
    if (client->socket.fd < 0 || client->deaf)
        return;
    if (client->first != NULL || !transmit(client, message, size, rest, rest_size))
        enqueue(client, message, size, rest, rest_size);
}

void client_refuse(int client, uint32_t request, uint32_t program, uint32_t stage, int error)
{
    struct PodInitError message = {
        .header = {.type = PodInitTypeError, .request = request},
        .program = program,
        .stage = stage,
        .error = error,
    };
    client_send(client, &message, sizeof message, NULL, 0);
}

static void flush(struct client *client)
{
    while (client->first != NULL && !client->deaf) {
        struct packet *packet = client->first;
        if (!transmit(client, packet->bytes, packet->size, NULL, 0))
            return;
        client->first = packet->next;
        free(packet);
    }
    // Emptied, or nobody will ever take the rest.
    discard_queue(client);
}

/// Reads requests until there are none, it is another's turn, or the answers do not get away. False: it has left.
static bool serve(struct client *client)
{
    static union request request;
    for (int turn = 0; turn < REQUESTS_PER_TURN && client->first == NULL; turn++) {
        // MSG_TRUNC returns the packet's own length, whatever of it found room. Descriptors that came along are
        // closed by the kernel: there is no control buffer for them.
        ssize_t size = recv(client->socket.fd, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
        if (size < 0) {
            // ECONNRESET comes once, before what the peer sent and when it closed without having read everything.
            if (errno == EINTR || errno == ECONNRESET)
                continue;
            return errno == EAGAIN;
        }
        if (size == 0 || !request_handle((int)(client - clients), &request, (size_t)size))
            return false;
    }
    return true;
}

void client_ready(uint32_t serial, uint32_t events)
{
    FOR_EACH_CLIENT(client) {
        if (client->socket.fd < 0 || client->serial != serial)
            continue;
        bool held_up = client->first != NULL;
        if (held_up && events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
            flush(client);
        if (!serve(client)) {
            drop(client);
            return;
        }
        if (held_up && client->first == NULL)
            programs_resume((int)(client - clients));
        watch_want(&client->socket, client->first != NULL ? EPOLLOUT : EPOLLIN);
        return;
    }
}

bool clients_idle(uint32_t set)
{
    for (int client = 0; client < CLIENT_LIMIT; client++)
        if (set & 1u << client && clients[client].first != NULL)
            return false;
    return true;
}

void clients_drop(void)
{
    FOR_EACH_CLIENT(client)
        if (client->socket.fd >= 0)
            drop(client);
    watch_close(&listener);
}
