#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "activation.h"
#include "client.h"
#include "shutdown.h"
#include "spawn.h"

struct program programs[PROGRAM_LIMIT];

static uint32_t last_id;

#define FOR_EACH_PROGRAM(program) \
    for (struct program *program = programs; program < programs + PROGRAM_LIMIT; program++)

static void release(struct program *program)
{
    input_close(program);
    watch_close(&program->exec_status);
    watch_close(&program->output[0]);
    watch_close(&program->output[1]);
    if (program->terminal >= 0)
        close(program->terminal);
    log_close(&program->log);
    program->state = PROGRAM_FREE;
}

/// A program whose grandchildren still write is not forgotten: closing the pipe would kill them.
static bool is_forgettable(const struct program *program)
{
    return program->state == PROGRAM_EXITED && program->reported && !(program->flags & PodInitFlagMain) &&
           program->output[0].fd < 0 && program->output[1].fd < 0;
}

struct program *program_new(void)
{
    struct program *chosen = NULL;
    FOR_EACH_PROGRAM(program) {
        if (program->state == PROGRAM_FREE) {
            chosen = program;
            break;
        }
        if (is_forgettable(program) && (chosen == NULL || program->id < chosen->id))
            chosen = program;
    }
    if (chosen == NULL)
        return NULL;
    if (chosen->state != PROGRAM_FREE) {
        // Nobody can ask for its log by number any more, and the logs of a long session must not fill the device.
        log_remove(chosen->id);
        release(chosen);
    }

    if (++last_id == POD_INIT_MAIN)
        ++last_id;
    *chosen = (struct program){
        .state = PROGRAM_STARTING,
        .id = last_id,
        .exec_status = WATCH_NONE,
        .input = WATCH_NONE,
        .output = {WATCH_NONE, WATCH_NONE},
        .terminal = -1,
        .log = LOG_CLOSED,
        .requester = -1,
        .input_owner = -1,
    };
    return chosen;
}

void program_set_command(struct program *program, char **arguments)
{
    for (char **argument = arguments; *argument != NULL; argument++) {
        size_t size = strlen(*argument) + 1;
        size_t room = sizeof program->command - program->command_size;
        memcpy(program->command + program->command_size, *argument, size < room ? size : room);
        program->command_size += size < room ? size : room;
    }
}

struct program *program_main(void)
{
    FOR_EACH_PROGRAM(program)
        if (program->state != PROGRAM_FREE && program->flags & PodInitFlagMain)
            return program;
    return NULL;
}

struct program *program_of_event(uint32_t id)
{
    FOR_EACH_PROGRAM(program)
        if (program->state != PROGRAM_FREE && program->id == id)
            return program;
    return NULL;
}

struct program *program_find(uint32_t id)
{
    struct program *program = id == POD_INIT_MAIN ? program_main() : program_of_event(id);
    return program != NULL && program->state != PROGRAM_STARTING ? program : NULL;
}

void program_failed(struct program *program, uint32_t stage, int error)
{
    struct PodInitError message = {
        .header = {.type = PodInitTypeError, .request = program->request},
        .stage = stage,
        .error = error,
    };
    int requester = program->requester;
    activation_ended(program->id, true);
    release(program);
    client_send(requester, &message, sizeof message, NULL, 0);
}

static void started(struct program *program)
{
    watch_close(&program->exec_status);
    program->state = PROGRAM_RUNNING;
    log_open(&program->log, program->id);
    if (program->flags & PodInitFlagMain)
        log_link_main(program->id);

    if (program->requester >= 0) {
        struct PodInitStarted message = {
            .header = {.type = PodInitTypeStarted, .request = program->request},
            .program = program->id,
            .pid = program->pid,
            .stdinRoom = program->input_owner >= 0 ? POD_INIT_STDIN_WINDOW : 0,
            .flags = program->flags & (PodInitFlagMain | PodInitFlagTTY),
        };
        client_send(program->requester, &message, sizeof message, NULL, 0);
        if (!(program->flags & PodInitFlagDetached))
            program->attached = 1u << program->requester;
        program->requester = -1;
    }
    program_watch(program);
}

void program_exec_status(struct program *program)
{
    // The pipe closes on exec, and otherwise carries the reason. A child that was killed before either counts as
    // started: its exit says the rest.
    struct spawn_failure failure;
    ssize_t count = read(program->exec_status.fd, &failure, sizeof failure);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count == sizeof failure)
        program_failed(program, failure.stage, failure.error);
    else
        started(program);
}

static void exited(struct program *program, int status)
{
    program->state = PROGRAM_EXITED;
    if (WIFSIGNALED(status))
        program->signal = WTERMSIG(status);
    else
        program->code = WEXITSTATUS(status);

    input_close(program);
    if (program->terminal >= 0)
        close(program->terminal);
    program->terminal = -1;
    output_measure(program);
    activation_ended(program->id, program->signal != 0 || program->code != 0);

    if (program->flags & PodInitFlagMain)
        shutdown_begin(SHUTDOWN_GRACE_AFTER_MAIN_MS);
    output_finish(program);
}

void programs_reap(void)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        FOR_EACH_PROGRAM(program) {
            if (program->pid != pid)
                continue;
            // Its end may be known before epoll has told that it began.
            if (program->state == PROGRAM_STARTING)
                program_exec_status(program);
            if (program->state == PROGRAM_RUNNING)
                exited(program, status);
        }
    }
    clients_listen_again();
}

void program_watch(struct program *program)
{
    bool reads = program->state == PROGRAM_RUNNING || (program->state == PROGRAM_EXITED && program->reported);
    uint32_t readable = reads && clients_idle(program->attached) ? EPOLLIN : 0;
    uint32_t writable = program->pending_input_count > 0 ? EPOLLOUT : 0;
    bool terminal = program->flags & PodInitFlagTTY;

    watch_want(&program->output[0], readable | (terminal ? writable : 0));
    watch_want(&program->output[1], readable);
    watch_want(&program->input, writable);
}

static void resume(struct program *program)
{
    if (program->state == PROGRAM_EXITED && !program->reported)
        output_finish(program);
    else
        program_watch(program);
}

void programs_resume(int client)
{
    FOR_EACH_PROGRAM(program) {
        if (program->state == PROGRAM_FREE)
            continue;
        if (program->input_owner == client)
            input_tell(program);
        if (program->attached & 1u << client)
            resume(program);
    }
}

void programs_detach(int client)
{
    FOR_EACH_PROGRAM(program) {
        if (program->state == PROGRAM_FREE)
            continue;
        if (program->requester == client)
            program->requester = -1;
        // The pipe stays open: whoever attaches next may go on feeding it.
        if (program->input_owner == client)
            program->input_owner = -1;
        if (program->attached & 1u << client) {
            program->attached &= ~(1u << client);
            resume(program);
        }
    }
}

bool programs_unreported(void)
{
    FOR_EACH_PROGRAM(program)
        if (program->state == PROGRAM_EXITED && !program->reported)
            return true;
    return false;
}
