// What the programs of the kinds have in common. Each makes something of one kind, puts into it what comes of a number
// that is nowhere but in its memory, and says later, after moves, whether all of it is still there.
//
//   NAME FOLDER    makes it, and writes "ready NONCE 0" into FOLDER/NAME. When there is a file FOLDER/check.1, looks, and
//                  adds a line "ok WHAT" or "failed WHAT" for each thing, puts in new contents for the next move, and
//                  ends with "checked NONCE 1" (or "lost NONCE 1"). The same with FOLDER/check.2, and so on.
//   NAME --losses  tells what a bad restore could lose, a line each.
//   NAME --lose N  makes it in the current folder, loses the Nth of these (from 1; 0: nothing), and looks: ends with 0
//                  when all was there, with 1 when something was found lost. So is known that each program can fail.

#ifndef KIND_H
#define KIND_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct loss {
    const char *what;
    void (*lose)(void);
};

struct kind {
    const char *name;
    /// Once, in the program's folder.
    void (*make)(void);
    /// Before each move: what has to be there after it. May be NULL.
    void (*fill)(void);
    /// After each move.
    void (*check)(void);
    /// Ends with one whose `what` is NULL.
    const struct loss *losses;
};

/// Defined by each program.
extern const struct kind kind;

/// Another one in every run.
extern uint64_t nonce;

/// Whether there is a move between `fill` and `check`; false with --lose.
extern bool moved;

/// A number that only this run gets of `tag`.
uint64_t mix(uint64_t tag);
void fill_bytes(void *bytes, size_t size, uint64_t tag);
bool same_bytes(const void *bytes, size_t size, uint64_t tag);

/// One of the things that a check looks at. "errno" is in the line of what failed.
void expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Ends the program, which cannot be made: its report tells why.
_Noreturn void give_up(const char *what, int line);

/// For what has to succeed while something is made.
#define must(expression)                                          \
    ({                                                            \
        __typeof__(expression) must_result = (expression);        \
        if (must_result == (__typeof__(must_result))-1)           \
            give_up(#expression, __LINE__);                       \
        must_result;                                              \
    })

/// As `must`, for pthread's functions, which return errno.
#define must_do(expression)                                       \
    do {                                                          \
        int must_error = (expression);                            \
        if (must_error != 0) {                                    \
            errno = must_error;                                   \
            give_up(#expression, __LINE__);                       \
        }                                                         \
    } while (0)

/// Reads exactly so many bytes within five seconds; false at an end, an error, or when they do not come.
bool read_all(int fd, void *bytes, size_t size);

/// Whether it becomes readable within so many milliseconds.
bool readable(int fd, int milliseconds);

/// Whether something holds within five seconds; looked at every few milliseconds.
#define soon(condition)                                           \
    ({                                                            \
        bool soon_holds = false;                                  \
        for (int soon_tries = 0; soon_tries < 1000; soon_tries++) \
            if ((soon_holds = (condition)))                       \
                break;                                            \
            else                                                  \
                pause_for(5);                                     \
        soon_holds;                                               \
    })

/// Sleeps at least so long, whatever signals come. ms
void pause_for(int milliseconds);

/// Ends a thread of this process, whatever it waits for.
void end_thread(int id);

/// ns of a clock.
int64_t now(int clock);

#endif
