// Starting a program.

#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <stdint.h>

#include "program.h"

struct spawn {
    uint32_t uid;
    uint32_t gid;
    uint16_t rows;
    uint16_t columns;
    const char *directory;
    const char *user;
    char **arguments;    // NULL-terminated
    char **environment;  // NULL-terminated, with room for one more, and with a socket for two more
    bool passes_socket;
    int socket;  // what the program gets as descriptor 3
};

/// What the child reports when it could not exec.
struct spawn_failure {
    uint32_t stage;
    int32_t error;
};

/// Raises the limit of open files to what is allowed; programs get back the limit that pod-init was given.
void spawn_prepare(void);

/// Makes the streams that `program->flags` ask for and forks; program_exec_status then tells how it went.
/// Returns 0, or errno with the stage; whatever was opened is left in `program`.
int spawn(struct program *program, const struct spawn *spawn, uint32_t *stage);

#endif
