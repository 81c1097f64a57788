// Starting programs. Every function returns a value >= 0, or -errno.
#ifndef CLINUX_SPAWN_H
#define CLINUX_SPAWN_H

#include <sys/types.h>

/// Starts `program` (looked for in PATH when it has no slash) with the three standard descriptors, and `kept` as
/// descriptor 3 where it is not negative. Everything else that is open here is closed there; no signal is blocked
/// or ignored. With the name of a `terminal` it leads a session of its own that has this for its controlling terminal.
/// Returns the process id.
int csys_spawn(const char *program, char *const argv[], char *const envp[], int in, int out, int err, int kept,
               const char *terminal);

/// The master of a new pseudo-terminal that echoes nothing, close-on-exec; the slave's name goes into `name`.
int csys_open_terminal(char *name, size_t size);

/// A pipe, both ends close-on-exec, as large as the kernel gives up to `capacity` bytes.
int csys_pipe(int ends[2], int capacity);

/// vmsplice without waiting: the pipe holds the memory's own pages. As write(2), -1 and errno for an error.
ssize_t csys_give_pages(int pipe, const void *bytes, size_t count);

/// Bytes that wait in a pipe.
int csys_waiting_bytes(int fd);

/// The environment of this process, for csys_spawn.
char **csys_environment(void);

#endif
