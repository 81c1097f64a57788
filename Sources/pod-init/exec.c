#include "exec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "program.h"
#include "shutdown.h"
#include "spawn.h"

/// The next string of the packet, or NULL when it does not end within it.
static char *next_string(char **position, const char *end)
{
    char *string = *position;
    char *nul = memchr(string, '\0', (size_t)(end - string));
    if (nul == NULL)
        return NULL;
    *position = nul + 1;
    return string;
}

static bool next_strings(char **position, const char *end, char **strings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if ((strings[i] = next_string(position, end)) == NULL)
            return false;
    return true;
}

static void start(int client, const struct PodInitExec *message, const struct spawn *request)
{
    uint32_t number = message->header.request;
    if (shutdown_begun()) {
        client_refuse(client, number, 0, PodInitStageProgram, ESHUTDOWN);
        return;
    }
    if (message->flags & PodInitFlagMain && program_main() != NULL) {
        client_refuse(client, number, 0, PodInitStageProgram, EEXIST);
        return;
    }
    struct program *program = program_new();
    if (program == NULL) {
        client_refuse(client, number, 0, PodInitStageProgram, EAGAIN);
        return;
    }

    program->flags = message->flags | (message->flags & PodInitFlagTTY ? PodInitFlagStdin : 0);
    program->started = time(NULL);
    program->requester = client;
    program->request = number;
    if (program->flags & PodInitFlagStdin && !(program->flags & PodInitFlagDetached))
        program->input_owner = client;
    program_set_command(program, request->arguments);

    uint32_t stage;
    int error = spawn(program, request, &stage);
    if (error != 0)
        program_failed(program, stage, error);
}

int exec_request(int client, const struct PodInitExec *message, char *position, const char *end)
{
    const uint32_t known = PodInitFlagMain | PodInitFlagTTY | PodInitFlagStdin | PodInitFlagDetached;
    // Every string takes at least its NUL, which bounds the counts before anything is allocated by them.
    uint64_t count = (uint64_t)message->argumentCount + message->environmentCount;
    if (message->flags & ~known || message->argumentCount == 0 || count > (uint64_t)(end - position))
        return EINVAL;
    // (uid_t)-1 would mean "leave as it is".
    if (message->uid == UINT32_MAX || message->gid == UINT32_MAX)
        return EINVAL;

    // One NULL after the arguments; one after the environment, and room for HOME.
    char **strings = calloc((size_t)count + 3, sizeof *strings);
    if (strings == NULL)
        return ENOMEM;
    struct spawn request = {
        .uid = message->uid,
        .gid = message->gid,
        .rows = message->rows,
        .columns = message->columns,
        .arguments = strings,
        .environment = strings + message->argumentCount + 1,
    };
    request.directory = next_string(&position, end);
    request.user = request.directory == NULL ? NULL : next_string(&position, end);
    bool sound = request.user != NULL && next_strings(&position, end, request.arguments, message->argumentCount) &&
                 next_strings(&position, end, request.environment, message->environmentCount) && position == end;
    if (sound)
        start(client, message, &request);
    free(strings);
    return sound ? 0 : EINVAL;
}
