// Long-running programs, waiting, terminals. Every function returns a value >= 0, or -errno.
#ifndef CLINUX_PROCESS_H
#define CLINUX_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CSYS_LAUNCH_MAX 16

/// One descriptor of the new program: `source` is ours, `target` its number there.
struct csys_descriptor {
    int source;
    int target;
};

/// Starts `path` with exactly the given descriptors (0 ... CSYS_LAUNCH_MAX of them), default signal handling, no blocked
/// signals, and in a session of its own when asked. The pid is to be waited for. posix_spawn(3).
int csys_launch(const char *path, char *const argv[], char *const envp[],
               const struct csys_descriptor *descriptors, size_t count, int new_session);

/// `csys_launch` for a program that is to have no rights on this host but to use its network, or, when `isolated`, not
/// even that: it is root in the user namespace open at `user_namespace`, nobody outside of it, and finds a /dev/net/tun
/// that it may open. It does not begin before a byte is written to `*gate`, the caller's to close, and ends when that is
/// closed without. What fails after the fork it writes to its descriptor 2. Needs root.
int csys_launch_in_user_namespace(const char *path, char *const argv[], char *const envp[],
                                  const struct csys_descriptor *descriptors, size_t count, int user_namespace,
                                  int isolated, int *gate);

/// `csys_launch` for a program, in a session of its own, whose cgroups, and the root of its cgroup namespace, are those
/// that are joined through `lists` (paths of cgroup.procs, NULL at the end). What fails after the fork it writes to the
/// caller's descriptor 2. Needs root.
int csys_launch_in_cgroup(const char *path, char *const argv[], char *const envp[],
                          const struct csys_descriptor *descriptors, size_t count, char *const lists[]);

/// The exit status of a child that has ended, in the form of waitpid(2), into `*status`; 1 when it has, 0 when it runs.
int csys_reap(pid_t pid, int *status);

/// From now on orphans among our descendants become our children. PR_SET_CHILD_SUBREAPER.
int csys_become_subreaper(void);

/// This process's disk accesses wait for everybody else's. IOPRIO_CLASS_IDLE.
int csys_idle_io(void);

/// 1 when `fd` polls readable within the time (-1: for ever), 0 when not, -EINTR when a signal came.
int csys_wait_readable(int fd, int milliseconds);

/// A counter that one thread waits for (blocks, or polls) and another adds to. eventfd(2), close-on-exec.
int csys_event_counter(int non_blocking);

/// Handles the signals, and gives a non-blocking descriptor that they are read from. One for the whole process.
int csys_signal_descriptor(const int *signals, size_t count);
/// The next signal from it, 0 when none has come.
int csys_next_signal(int fd);

/// Size of the terminal `fd`; -ENOTTY when it is none.
int csys_window_size(int fd, uint16_t *rows, uint16_t *columns);

/// N of the /dev/pts/N whose slave end `fd` is, under that name or as /dev/tty; -ENOTTY when it is another.
int csys_terminal_number(int fd);

/// Switches the terminal to raw mode and keeps the former settings for `csys_terminal_restore`.
int csys_terminal_raw(int fd);
/// Safe in a signal handler. Does nothing without a `csys_terminal_raw` before.
int csys_terminal_restore(int fd);

/// The descriptors of a process whose link in /proc begins with `prefix` (at most 63 bytes): their count, of which the first
/// `capacity` are written.
int csys_descriptors_of(pid_t process, const char *prefix, int *numbers, int capacity);

/// 1 when a thread of the process waits in that function of the kernel (proc_pid_wchan(5)), 0 when none does.
int csys_thread_waits_in(pid_t process, const char *function);

/// Who traces a process; 0 for nobody.
int csys_tracer_of(pid_t process);

#endif
