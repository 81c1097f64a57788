#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user.h"

/// The child's ends of its streams; -1 where it gets /dev/null.
struct streams {
    int ends[3];
};

static struct rlimit given_limit;

void spawn_prepare(void)
{
    if (getrlimit(RLIMIT_NOFILE, &given_limit) < 0)
        return;
    struct rlimit raised = {.rlim_cur = given_limit.rlim_max, .rlim_max = given_limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &raised);
}

/// A pipe whose near end is ours. Only that one is non-blocking: a program expects a stream that waits.
static bool make_pipe(int *far, int *near, bool near_writes)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    *near = fds[near_writes ? 1 : 0];
    *far = fds[near_writes ? 0 : 1];
    return fcntl(*near, F_SETFL, O_NONBLOCK) == 0;
}

static bool open_pipes(struct program *program, struct streams *streams)
{
    int near = -1;
    if (program->flags & PodInitFlagStdin) {
        bool made = make_pipe(&streams->ends[0], &near, true);
        watch_init(&program->input, near, WATCH_INPUT, program->id);
        if (!made)
            return false;
    }
    for (int index = 0; index < 2; index++) {
        near = -1;
        bool made = make_pipe(&streams->ends[index + 1], &near, false);
        watch_init(&program->output[index], near, index == 0 ? WATCH_OUTPUT : WATCH_ERROR_OUTPUT, program->id);
        if (!made)
            return false;
    }
    return true;
}

static bool open_terminal(struct program *program, const struct spawn *spawn)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0)
        return false;
    watch_init(&program->output[0], master, WATCH_OUTPUT, program->id);
    struct winsize size = {.ws_row = spawn->rows, .ws_col = spawn->columns};
    if (unlockpt(master) < 0 || ioctl(master, TIOCSWINSZ, &size) < 0)
        return false;
    program->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return program->terminal >= 0;
}

static _Noreturn void fail(int status_fd, uint32_t stage, int error)
{
    struct spawn_failure failure = {.stage = stage, .error = error};
    // Less than PIPE_BUF, so all of it or nothing; without it the program looks like one that exited with 127.
    ssize_t written = write(status_fd, &failure, sizeof failure);
    (void)written;
    _exit(127);
}

static void take_streams(const struct program *program, const struct streams *streams, int status_fd)
{
    for (int stream = 0; stream < 3; stream++) {
        int end = program->flags & PodInitFlagTTY ? program->terminal : streams->ends[stream];
        // Without one, pod-init's own /dev/null stays.
        if (end >= 0 && dup2(end, stream) < 0)
            fail(status_fd, PodInitStagePipes, errno);
    }
    if (program->flags & PodInitFlagTTY && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0)
        fail(status_fd, PodInitStageTerminal, errno);
}

static void reset_signals(void)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void become(const struct program *program, const struct identity *identity, int status_fd)
{
    // devpts gives a terminal to whoever opened it; its user must be able to open it by name. The group (tty)
    // stays. A user who is not mapped into the pod cannot have it, and does without.
    if (program->flags & PodInitFlagTTY && fchown(program->terminal, identity->uid, (gid_t)-1) == 0)
        fchmod(program->terminal, 0620);

    if (setgroups(identity->group_count, identity->groups) < 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) < 0)
        fail(status_fd, PodInitStageIdentity, errno);
}

static void add_home(char **environment, struct identity *identity)
{
    static char entry[sizeof "HOME=" + sizeof identity->home];
    while (*environment != NULL && strncmp(*environment, "HOME=", 5) != 0)
        environment++;
    if (*environment != NULL)
        return;
    snprintf(entry, sizeof entry, "HOME=%s", identity->home);
    environment[0] = entry;
    environment[1] = NULL;
}

/// sd_listen_fds(3).
static void pass_socket(int socket, char **environment)
{
    static char process[sizeof "LISTEN_PID=" + 20];
    static char count[] = "LISTEN_FDS=1";
    int copy = dup2(socket, 3);
    if (copy == socket)
        fcntl(copy, F_SETFD, 0);
    snprintf(process, sizeof process, "LISTEN_PID=%d", getpid());
    while (*environment != NULL)
        environment++;
    environment[0] = process;
    environment[1] = count;
    environment[2] = NULL;
}

static _Noreturn void run_child(const struct program *program, const struct spawn *spawn,
                                const struct streams *streams, int status_fd)
{
    setsid();
    take_streams(program, streams, status_fd);
    reset_signals();
    setrlimit(RLIMIT_NOFILE, &given_limit);

    // Here and not in the parent: a file of the pod may be a FIFO, or lie on a slow disk.
    struct identity identity;
    int error = user_resolve(spawn->user, spawn->uid, spawn->gid, &identity);
    if (error != 0)
        fail(status_fd, PodInitStageUser, error);
    become(program, &identity, status_fd);
    if (chdir(spawn->directory[0] != '\0' ? spawn->directory : "/") < 0)
        fail(status_fd, PodInitStageDirectory, errno);

    add_home(spawn->environment, &identity);
    if (spawn->passes_socket) {
        // Where the socket goes may be where the way back to pod-init is.
        if (status_fd == 3)
            status_fd = fcntl(status_fd, F_DUPFD_CLOEXEC, 4);
        pass_socket(spawn->socket, spawn->environment);
    }
    // execvpe searches the PATH of the caller's environment, not of the one that it is given.
    environ = spawn->environment;
    execvp(spawn->arguments[0], spawn->arguments);
    fail(status_fd, PodInitStageExec, errno);
}

static void close_ends(const struct streams *streams)
{
    for (int stream = 0; stream < 3; stream++)
        if (streams->ends[stream] >= 0)
            close(streams->ends[stream]);
}

int spawn(struct program *program, const struct spawn *spawn, uint32_t *stage)
{
    struct streams streams = {{-1, -1, -1}};
    int status_far = -1, status_near = -1;
    bool terminal = program->flags & PodInitFlagTTY;
    int error = 0;

    *stage = terminal ? PodInitStageTerminal : PodInitStagePipes;
    bool made = (terminal ? open_terminal(program, spawn) : open_pipes(program, &streams)) &&
                make_pipe(&status_far, &status_near, false);
    if (!made)
        error = errno;
    watch_init(&program->exec_status, status_near, WATCH_EXEC_STATUS, program->id);

    if (made) {
        *stage = PodInitStageFork;
        program->pid = fork();
        if (program->pid == 0)
            run_child(program, spawn, &streams, status_far);
        if (program->pid < 0)
            error = errno;
    }
    close_ends(&streams);
    if (status_far >= 0)
        close(status_far);
    if (error == 0)
        watch_want(&program->exec_status, EPOLLIN);
    return error;
}
