#include "activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "program.h"
#include "shutdown.h"
#include "spawn.h"

#define SERVER_LIMIT 8
#define ARGUMENT_LIMIT 16

/// After so many failures in a row, who waits is turned away.
#define FAILURE_LIMIT 2

/// A server without a socket that ends sooner has failed, whatever it says; after so many failures in a row it is left
/// alone.
#define LASTING_S 10
#define START_LIMIT 3

static struct server {
    bool has_socket;
    struct watch socket;
    struct sockaddr_un address;
    uint32_t user;
    char *line;  // what `arguments` point into
    char *arguments[ARGUMENT_LIMIT + 1];
    uint32_t program;  // while it runs; 0 is no program's number
    time_t started;
    int failures;  // in a row
} servers[SERVER_LIMIT];

static size_t server_count;

static bool parse_user(const char *text, uint32_t *user)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    // (uid_t)-1 would mean "leave as it is".
    if (text[0] < '0' || text[0] > '9' || errno != 0 || *end != '\0' || value >= UINT32_MAX)
        return false;
    *user = (uint32_t)value;
    return true;
}

/// Takes `line` apart in place.
static bool parse(char *line, struct server *server)
{
    line[strcspn(line, "#\n")] = '\0';
    char *rest = line;
    char *path = strtok_r(rest, " \t", &rest);
    char *user = strtok_r(NULL, " \t", &rest);
    if (path == NULL || user == NULL || !parse_user(user, &server->user))
        return false;
    server->has_socket = strcmp(path, "-") != 0;
    if (server->has_socket) {
        if (path[0] != '/' || strlen(path) >= sizeof server->address.sun_path)
            return false;
        server->address = (struct sockaddr_un){.sun_family = AF_UNIX};
        strcpy(server->address.sun_path, path);
    }
    size_t count = 0;
    for (char *word; (word = strtok_r(NULL, " \t", &rest)) != NULL;) {
        if (count == ARGUMENT_LIMIT)
            return false;
        server->arguments[count++] = word;
    }
    return count > 0 && server->arguments[0][0] == '/';
}

/// Makes the socket anew; then whoever waited at the old one is turned away.
static void listen_at(struct server *server)
{
    struct watch old = server->socket;
    char folder[sizeof server->address.sun_path];
    strcpy(folder, server->address.sun_path);
    *strrchr(folder, '/') = '\0';
    // As far as it is not there; if it cannot be made, bind fails.
    mkdir(folder, 0755);
    unlink(server->address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    watch_init(&server->socket, fd, WATCH_ACTIVATION, (uint32_t)(server - servers));
    // Everybody in the pod may connect; the server says who is served.
    if (fd < 0 || bind(fd, (struct sockaddr *)&server->address, sizeof server->address) < 0 ||
        chmod(server->address.sun_path, 0666) < 0 || listen(fd, SOMAXCONN) < 0)
        watch_close(&server->socket);
    watch_want(&server->socket, EPOLLIN);
    watch_close(&old);
}

void activation_listen(void)
{
    // Not through a link, and not a FIFO, which would make us wait for its writer.
    int fd = open(ACTIVATION_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat status;
    FILE *file = fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    size_t size = 0;
    while (server_count < SERVER_LIMIT) {
        struct server *server = &servers[server_count];
        *server = (struct server){.socket = WATCH_NONE};
        if (getline(&server->line, &size, file) < 0) {
            free(server->line);
            break;
        }
        size = 0; // each line is kept
        if (parse(server->line, server)) {
            server_count++;
            if (server->has_socket)
                listen_at(server);
        } else {
            free(server->line);
        }
    }
    fclose(file);
}

/// Returns false if there are too many programs. One that cannot be started otherwise has ended.
static bool start(struct server *server)
{
    struct program *program = program_new();
    if (program == NULL)
        return false;
    program->flags = PodInitFlagDetached;
    program_set_command(program, server->arguments);
    server->program = program->id;
    server->started = time(NULL);

    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    // The child adds HOME and what tells it of its socket.
    char **environment = calloc(count + 4, sizeof *environment);
    if (environment == NULL) {
        program_failed(program, PodInitStageFork, ENOMEM);
        return true;
    }
    // Our own HOME is not the server's.
    char **last = environment;
    for (char **entry = environ; *entry != NULL; entry++)
        if (strncmp(*entry, "HOME=", 5) != 0)
            *last++ = *entry;
    struct spawn request = {
        .uid = server->user,
        .gid = server->user,
        .directory = "/",
        .user = "",
        .arguments = server->arguments,
        .environment = environment,
        .passes_socket = server->has_socket,
        .socket = server->socket.fd,
    };
    uint32_t stage;
    int error = spawn(program, &request, &stage);
    free(environment);
    if (error != 0)
        program_failed(program, stage, error);
    else if (server->has_socket)
        // The server accepts.
        watch_want(&server->socket, 0);
    return true;
}

void activation_start(void)
{
    for (struct server *server = servers; server < servers + server_count; server++)
        if (!server->has_socket)
            start(server);
}

void activation_ready(uint32_t number)
{
    if (number >= server_count || shutdown_begun())
        return;
    if (!start(&servers[number]))
        listen_at(&servers[number]);
}

/// Starts it again, unless it seems that this would go on for ever.
static void start_again(struct server *server)
{
    // The clock may have jumped, at a move, but then the server has lasted.
    bool lasted = time(NULL) - server->started >= LASTING_S;
    server->failures = lasted ? 0 : server->failures + 1;
    if (server->failures < START_LIMIT && !shutdown_begun())
        start(server);
}

void activation_ended(uint32_t program, bool failed)
{
    for (struct server *server = servers; server < servers + server_count; server++) {
        if (server->program != program)
            continue;
        server->program = 0;
        if (!server->has_socket) {
            start_again(server);
            continue;
        }
        server->failures = failed ? server->failures + 1 : 0;
        // Who connected at a server's end is the next one's, also when the server crashed. One that fails at once would
        // do so for ever.
        if (server->failures < FAILURE_LIMIT) {
            watch_want(&server->socket, EPOLLIN);
        } else {
            server->failures = 0;
            listen_at(server);
        }
    }
}
