#include "request.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#include "PodInitABI.h"
#include "client.h"
#include "exec.h"
#include "program.h"
#include "shutdown.h"

static void done(int client, uint32_t request)
{
    struct PodInitHeader message = {.type = PodInitTypeDone, .request = request};
    client_send(client, &message, sizeof message, NULL, 0);
}

static bool hello(int client, const struct PodInitHello *message)
{
    if (message->magic != POD_INIT_MAGIC || message->version != POD_INIT_VERSION) {
        client_refuse(client, message->header.request, 0, PodInitStageProtocol, EPROTONOSUPPORT);
        return false;
    }
    if (clients[client].foreign) {
        client_refuse(client, message->header.request, 0, PodInitStageProtocol, EXDEV);
        return false;
    }
    clients[client].greeted = true;
    struct PodInitHello reply = {
        .header = {.type = PodInitTypeHello, .request = message->header.request},
        .magic = POD_INIT_MAGIC,
        .version = POD_INIT_VERSION,
    };
    client_send(client, &reply, sizeof reply, NULL, 0);
    return true;
}

static void attach(int client, const struct PodInitAttach *message)
{
    uint32_t request = message->header.request;
    struct program *program = program_find(message->program);
    if (message->flags & ~(uint32_t)PodInitAttachFlagStdin || program == NULL) {
        bool missing = program == NULL;
        client_refuse(client, request, message->program, missing ? PodInitStageProgram : PodInitStageProtocol,
                      missing ? ESRCH : EINVAL);
        return;
    }

    bool takes_input = message->flags & PodInitAttachFlagStdin && program->flags & PodInitFlagStdin &&
                       program->state == PROGRAM_RUNNING && !program->input_ended;
    if (takes_input) {
        program->input_owner = client;
        program->input_taken = 0;
    }
    struct PodInitStarted reply = {
        .header = {.type = PodInitTypeStarted, .request = request},
        .program = program->id,
        .pid = program->pid,
        .stdinRoom = takes_input ? POD_INIT_STDIN_WINDOW - (uint32_t)program->pending_input_count : 0,
        .flags = program->flags & (PodInitFlagMain | PodInitFlagTTY),
    };
    client_send(client, &reply, sizeof reply, NULL, 0);

    if (!program->reported) {
        program->attached |= 1u << client;
        program_watch(program);
        return;
    }
    struct PodInitExited exited = {
        .header = {.type = PodInitTypeExited},
        .program = program->id,
        .code = program->code,
        .signal = program->signal,
    };
    client_send(client, &exited, sizeof exited, NULL, 0);
}

static int add_input(int client, struct program *program, const char *bytes, size_t count)
{
    if (!(program->flags & PodInitFlagStdin))
        return EBADF;
    if (program->input_owner != client)
        return EPERM;
    return bytes == NULL ? input_end(program) : input_add(program, bytes, count);
}

static int send_signal(const struct program *program, int number)
{
    if (number < 1 || number > SIGRTMAX)
        return EINVAL;
    // Once the leader has been reaped its number may be another's.
    if (program->state != PROGRAM_RUNNING)
        return ESRCH;
    return kill(-program->pid, number) < 0 ? errno : 0;
}

static int set_window_size(const struct program *program, uint16_t rows, uint16_t columns)
{
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    if (!(program->flags & PodInitFlagTTY) || program->output[0].fd < 0)
        return ENOTTY;
    return ioctl(program->output[0].fd, TIOCSWINSZ, &size) < 0 ? errno : 0;
}

static void list(int client, uint32_t request)
{
    for (struct program *program = programs; program < programs + PROGRAM_LIMIT; program++) {
        if (program->state != PROGRAM_RUNNING && program->state != PROGRAM_EXITED)
            continue;
        struct PodInitListEntry entry = {
            .header = {.type = PodInitTypeListEntry, .request = request},
            .program = program->id,
            .pid = program->pid,
            .state = program->state == PROGRAM_RUNNING ? PodInitStateRunning : PodInitStateExited,
            .flags = program->flags & (PodInitFlagMain | PodInitFlagTTY),
            .code = program->code,
            .signal = program->signal,
            .started = program->started,
        };
        client_send(client, &entry, sizeof entry, program->command, program->command_size);
    }
    done(client, request);
}

/// The size of a message's struct, and whether more may follow it; 0 for an unknown type.
static size_t size_of_type(uint32_t type, bool *open_ended)
{
    *open_ended = type == PodInitTypeExec || type == PodInitTypeStdin;
    switch (type) {
    case PodInitTypeHello:
        return sizeof(struct PodInitHello);
    case PodInitTypeExec:
        return sizeof(struct PodInitExec);
    case PodInitTypeAttach:
        return sizeof(struct PodInitAttach);
    case PodInitTypeStdin:
    case PodInitTypeStdinEnd:
        return sizeof(struct PodInitBytes);
    case PodInitTypeSignal:
        return sizeof(struct PodInitSignal);
    case PodInitTypeWindowSize:
        return sizeof(struct PodInitWindowSize);
    case PodInitTypeList:
        return sizeof(struct PodInitHeader);
    case PodInitTypeShutdown:
        return sizeof(struct PodInitShutdown);
    default:
        return 0;
    }
}

/// The requests that are about one running program.
static int handle_for_program(int client, const union request *request, size_t size, struct program *program)
{
    switch (request->header.type) {
    case PodInitTypeStdin:
        return add_input(client, program, request->bytes + sizeof request->input, size - sizeof request->input);
    case PodInitTypeStdinEnd:
        return add_input(client, program, NULL, 0);
    case PodInitTypeSignal:
        return send_signal(program, request->signal.number);
    default:
        return set_window_size(program, request->window_size.rows, request->window_size.columns);
    }
}

static void find_and_handle(int client, const union request *request, size_t size, uint32_t id, uint32_t stage)
{
    struct program *program = program_find(id);
    if (program == NULL) {
        client_refuse(client, request->header.request, id, PodInitStageProgram, ESRCH);
        return;
    }
    int error = handle_for_program(client, request, size, program);
    if (error != 0)
        client_refuse(client, request->header.request, program->id, stage, error);
    else if (request->header.type != PodInitTypeStdin)
        done(client, request->header.request);
}

bool request_handle(int client, union request *request, size_t size)
{
    if (size < sizeof request->header)
        return false;
    const struct PodInitHeader header = request->header;

    if (size > sizeof *request) {
        int error = header.type == PodInitTypeExec ? E2BIG : EMSGSIZE;
        client_refuse(client, header.request, 0, PodInitStageProtocol, error);
        return clients[client].greeted;
    }
    bool open_ended;
    size_t fixed = size_of_type(header.type, &open_ended);
    if (fixed == 0 || size < fixed || (size > fixed && !open_ended)) {
        client_refuse(client, header.request, 0, PodInitStageProtocol, EINVAL);
        return clients[client].greeted;
    }
    if (!clients[client].greeted && header.type != PodInitTypeHello) {
        client_refuse(client, header.request, 0, PodInitStageProtocol, EPROTO);
        return false;
    }

    switch (header.type) {
    case PodInitTypeHello:
        return hello(client, &request->hello);
    case PodInitTypeExec: {
        int error = exec_request(client, &request->exec, request->bytes + fixed, request->bytes + size);
        if (error != 0)
            client_refuse(client, header.request, 0, PodInitStageProtocol, error);
        break;
    }
    case PodInitTypeAttach:
        attach(client, &request->attach);
        break;
    case PodInitTypeStdin:
    case PodInitTypeStdinEnd:
        find_and_handle(client, request, size, request->input.program, PodInitStageStdin);
        break;
    case PodInitTypeSignal:
        find_and_handle(client, request, size, request->signal.program, PodInitStageSignal);
        break;
    case PodInitTypeWindowSize:
        find_and_handle(client, request, size, request->window_size.program, PodInitStageWindowSize);
        break;
    case PodInitTypeList:
        list(client, header.request);
        break;
    case PodInitTypeShutdown: {
        uint32_t grace = request->shutdown.graceMilliseconds;
        shutdown_begin(grace == POD_INIT_GRACE_DEFAULT ? SHUTDOWN_GRACE_MS : grace);
        done(client, header.request);
        break;
    }
    }
    return true;
}
