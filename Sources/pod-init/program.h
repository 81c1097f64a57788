// The programs that pod-init has started, and their streams.

#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "PodInitABI.h"
#include "log.h"
#include "watch.h"

#define PROGRAM_LIMIT 256

enum program_state {
    PROGRAM_FREE,
    PROGRAM_STARTING,  // forked; whether exec works is not known yet
    PROGRAM_RUNNING,
    PROGRAM_EXITED,
};

struct program {
    enum program_state state;
    uint32_t id;
    pid_t pid;
    uint32_t flags;
    int64_t started;  // seconds since 1970

    struct watch exec_status;
    struct watch input;      // the pipe to standard input; with a terminal unused
    struct watch output[2];  // standard output or the terminal's master; standard error
    int terminal;            // the terminal's other end, held until the exit so that the master never hangs up
    struct log log;

    uint8_t *pending_input;  // up to POD_INIT_STDIN_WINDOW bytes that the program has not taken yet
    size_t pending_input_count;
    uint32_t input_taken;  // bytes written that the owner has not been told of
    bool input_ended;

    uint32_t attached;  // a bit for each client
    int requester;      // client that waits for Started, or -1
    uint32_t request;
    int input_owner;  // client that standard input comes from, or -1

    int code;  // once EXITED
    int signal;
    size_t remaining[2];  // once EXITED, until `reported`: at most so many bytes of output go before the exit
    bool reported;        // Exited has been sent; whatever grandchildren still write goes to the log only

    size_t command_size;
    char command[POD_INIT_COMMAND_MAX];
};

extern struct program programs[PROGRAM_LIMIT];

/// A free entry with a new id, if need be that of the program which exited longest ago; NULL if all are in use.
struct program *program_new(void);

/// Remembers what it is, as far as there is room.
void program_set_command(struct program *program, char **arguments);

/// The program of this id, or the main program for POD_INIT_MAIN; NULL if there is none or it has not started yet.
struct program *program_find(uint32_t id);

/// The main program, even if it is only just starting.
struct program *program_main(void);

/// For events of the loop: also finds programs that are starting.
struct program *program_of_event(uint32_t id);

/// Reads whether exec worked, and answers the requester.
void program_exec_status(struct program *program);

/// Collects every child that has exited, orphans included.
void programs_reap(void);

/// Asks epoll for what this program's streams wait for now.
void program_watch(struct program *program);

/// Goes on with the programs that this client held up: it has taken everything.
void programs_resume(int client);

/// Goes on without this client.
void programs_detach(int client);

/// Whether some program's exit could not be reported yet.
bool programs_unreported(void);

/// Answers the requester that the program could not be started, and frees its entry.
void program_failed(struct program *program, uint32_t stage, int error);

// output.c

/// Reads once; logs and sends it.
void output_ready(struct program *program, int index);

/// After the exit: reads what the program left behind, then reports the exit, unless a client holds it up.
void output_finish(struct program *program);

/// Takes note of how much output the exited program left behind.
void output_measure(struct program *program);

// input.c

/// Returns 0, or why the bytes were refused.
int input_add(struct program *program, const void *bytes, size_t count);

/// Closes standard input once all of it has been taken. Returns 0, or why not.
int input_end(struct program *program);

/// Writes what the program takes.
void input_ready(struct program *program);

/// Tells the owner what has been taken, if it listens.
void input_tell(struct program *program);

void input_close(struct program *program);

#endif
