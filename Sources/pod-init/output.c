// From a program to its log and its clients.
//
// What a client does not take is not read, so a program that writes faster than its client reads is slowed down as
// by any pipe. A client has at most one packet of output queued, however many programs it is attached to.

#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client.h"
#include "program.h"

/// A terminal does not say how much it holds. It is less than this, and the read after it finds nothing.
#define TERMINAL_REMAINDER ((size_t)1 << 18)

static char chunk[32768];

static void close_output(struct program *program, int index)
{
    watch_close(&program->output[index]);
    program->remaining[index] = 0;
    if (program->output[0].fd < 0 && program->output[1].fd < 0)
        log_close(&program->log);
}

static void send_output(struct program *program, int index, size_t count)
{
    struct PodInitBytes message = {
        .header = {.type = PodInitTypeOutput},
        .program = program->id,
        .stream = (uint32_t)index + 1,
    };
    for (int client = 0; client < CLIENT_LIMIT; client++)
        if (program->attached & 1u << client)
            client_send(client, &message, sizeof message, chunk, count);
}

static void read_output(struct program *program, int index)
{
    ssize_t count;
    do
        count = read(program->output[index].fd, chunk, sizeof chunk);
    while (count < 0 && errno == EINTR);

    if (count < 0 && errno == EAGAIN) {
        program->remaining[index] = 0;
        return;
    }
    // The end of a pipe is 0, that of a terminal EIO.
    if (count <= 0) {
        close_output(program, index);
        return;
    }
    size_t size = (size_t)count;
    program->remaining[index] -= size < program->remaining[index] ? size : program->remaining[index];
    log_append(&program->log, chunk, size);
    send_output(program, index, size);
}

void output_ready(struct program *program, int index)
{
    // An event from before the last change of plan may still come in the same batch, and the client may just have
    // got something else that it does not take.
    if (program->output[index].events & EPOLLIN && clients_idle(program->attached))
        read_output(program, index);
    program_watch(program);
}

void output_measure(struct program *program)
{
    for (int index = 0; index < 2; index++) {
        int count = 0;
        if (program->output[index].fd < 0)
            program->remaining[index] = 0;
        else if (program->flags & PodInitFlagTTY)
            program->remaining[index] = TERMINAL_REMAINDER;
        else if (ioctl(program->output[index].fd, FIONREAD, &count) == 0)
            program->remaining[index] = (size_t)count;
    }
}

void output_finish(struct program *program)
{
    // Only as much as lay there at the exit: grandchildren may hold the pipe open and write for ever.
    for (int index = 0; index < 2; index++) {
        while (program->remaining[index] > 0) {
            if (!clients_idle(program->attached)) {
                program_watch(program);
                return;
            }
            read_output(program, index);
        }
    }

    struct PodInitExited message = {
        .header = {.type = PodInitTypeExited},
        .program = program->id,
        .code = program->code,
        .signal = program->signal,
    };
    for (int client = 0; client < CLIENT_LIMIT; client++)
        if (program->attached & 1u << client)
            client_send(client, &message, sizeof message, NULL, 0);
    program->attached = 0;
    program->reported = true;
    program_watch(program);
}
