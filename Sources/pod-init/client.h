// The connections of the control socket.

#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "watch.h"

#define CLIENT_LIMIT 32

/// How many of them may come from inside the pod: its root must not be able to lock the engine out.
#define CLIENT_LIMIT_INSIDE 16

struct packet;

struct client {
    struct watch socket;
    uint32_t serial;
    bool inside;   // the peer is a process of the pod
    bool foreign;  // its socket belongs to another network namespace
    bool greeted;  // Hello has been said
    bool deaf;     // takes nothing more; what it had sent before is still read
    struct packet *first;
    struct packet **last;
};

extern struct client clients[CLIENT_LIMIT];

/// Makes the folder and the socket and listens. Returns NULL, or what failed (see errno).
const char *clients_listen(void);

/// The listener is readable.
void clients_accept(void);

/// Listens again, if there were no descriptors left to accept a connection with: some have been closed.
void clients_listen_again(void);

/// The client's socket is ready.
void client_ready(uint32_t serial, uint32_t events);

/// Sends the struct and what follows it, or queues it. Never blocks, never frees the client; -1 is nobody.
void client_send(int client, const void *message, size_t size, const void *rest, size_t rest_size);

/// Sends an Error in answer to a request.
void client_refuse(int client, uint32_t request, uint32_t program, uint32_t stage, int error);

/// Whether all of these clients have taken everything that was sent to them: only then is output read for them.
bool clients_idle(uint32_t set);

/// Drops every client, whatever it has not taken yet.
void clients_drop(void);

#endif
