// From a client to a program's standard input.
//
// A program that does not read must not hold up its client's other requests, such as the signal that ends it. So
// the bytes are kept here, and the client stays within a window of what has not been taken.

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "program.h"

static int input_fd(const struct program *program)
{
    return program->flags & PodInitFlagTTY ? program->output[0].fd : program->input.fd;
}

int input_add(struct program *program, const void *bytes, size_t count)
{
    if (input_fd(program) < 0 || program->input_ended || program->state != PROGRAM_RUNNING)
        return EPIPE;
    if (count > POD_INIT_STDIN_WINDOW - program->pending_input_count)
        return ENOBUFS;
    if (program->pending_input == NULL)
        program->pending_input = malloc(POD_INIT_STDIN_WINDOW);
    if (program->pending_input == NULL)
        return ENOMEM;

    memcpy(program->pending_input + program->pending_input_count, bytes, count);
    program->pending_input_count += count;
    input_ready(program);
    return 0;
}

int input_end(struct program *program)
{
    // A terminal has no end; the client sends its end-of-file character like any other.
    if (program->flags & PodInitFlagTTY)
        return EINVAL;
    if (program->input.fd < 0)
        return EPIPE;
    program->input_ended = true;
    input_ready(program);
    return 0;
}

void input_tell(struct program *program)
{
    if (program->input_taken == 0 || program->input_owner < 0 || !clients_idle(1u << program->input_owner))
        return;
    struct PodInitStdinTaken message = {
        .header = {.type = PodInitTypeStdinTaken},
        .program = program->id,
        .count = program->input_taken,
    };
    program->input_taken = 0;
    client_send(program->input_owner, &message, sizeof message, NULL, 0);
}

void input_ready(struct program *program)
{
    int fd = input_fd(program);
    size_t done = 0;
    int error = 0;
    while (fd >= 0 && done < program->pending_input_count) {
        ssize_t count = write(fd, program->pending_input + done, program->pending_input_count - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (count < 0 && errno != EINTR) {
            error = errno;
            break;
        }
    }
    if (done > 0) {
        program->pending_input_count -= done;
        memmove(program->pending_input, program->pending_input + done, program->pending_input_count);
        program->input_taken += (uint32_t)done;
    }

    if (error != 0 && error != EAGAIN) {
        input_close(program);
        struct PodInitError message = {
            .header = {.type = PodInitTypeError},
            .program = program->id,
            .stage = PodInitStageStdin,
            .error = EPIPE,
        };
        client_send(program->input_owner, &message, sizeof message, NULL, 0);
    } else if (program->pending_input_count == 0 && program->input_ended) {
        input_close(program);
    }
    input_tell(program);
    program_watch(program);
}

void input_close(struct program *program)
{
    watch_close(&program->input);
    free(program->pending_input);
    program->pending_input = NULL;
    program->pending_input_count = 0;
}
