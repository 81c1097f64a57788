// The wire protocol between pod-init (PID 1 of a pod) and the engine on the host.
//
// A SOCK_SEQPACKET unix socket at POD_INIT_SOCKET in the pod's file system; one message is one packet of at most
// POD_INIT_PACKET_MAX bytes, in the machine's own byte order (both ends run on one machine). A message is one of
// the structs below, for some types followed by bytes or strings that take up the rest of the packet.
//
// The client speaks first, with Hello. Every later request carries a number of the client's choice, and its answer
// carries the same number. Events, which answer nothing, carry 0.
//
//     request         answer                          then, for a program that the client is attached to
//     Hello           Hello
//     Exec            Started or Error                Output…, Exited (unless DETACHED)
//     Attach          Started or Error                Output…, Exited (at once if the program has already exited)
//     Stdin           none, or Error                  StdinTaken…, or Error (event) when nobody reads any more
//     StdinEnd        Done or Error
//     Signal          Done or Error
//     WindowSize      Done or Error
//     List            ListEntry…, Done
//     Shutdown        Done
//
// Closing the connection detaches; programs go on without their client. So it is at every suspend: the engine
// closes its end while the pod is frozen, and connects anew afterwards.
//
// The client makes its socket in the pod's network namespace. The kernel puts the accepted end into the namespace
// of the connecting one, wherever the listener lives, and CRIU looks for a pod's sockets in the pod's namespace
// only: a connection from another makes the dump fail even after its client has closed it ("Unix socket … not
// found"). So it is refused, with EXDEV in answer to Hello.
//
// Nobody connects while the pod is frozen. A connection that waits to be accepted is in the dump's way too, closed
// or not ("Found a closed in-flight socket"), and only a running pod-init can take it away.

#ifndef POD_INIT_ABI_H
#define POD_INIT_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define POD_INIT_FOLDER "/run/pod-init"
#define POD_INIT_SOCKET "/run/pod-init/control"

/// Each program's output is in `<id>.log` (and `<id>.log.1`) here; `main.log` is a link to the main program's.
#define POD_INIT_LOG_FOLDER "/var/log/mediapod"

#define POD_INIT_MAGIC 0x74696e69u  // "init"
#define POD_INIT_VERSION 1u

/// The largest packet, in bytes. An Exec that needs more is refused with E2BIG: it is never split.
#define POD_INIT_PACKET_MAX 65536u

/// The most bytes that a client may have sent to a program's standard input and not yet seen in a StdinTaken.
/// It keeps a program that does not read from holding up the other requests of its client.
#define POD_INIT_STDIN_WINDOW 65536u

/// In Shutdown: the usual grace.
#define POD_INIT_GRACE_DEFAULT 0xffffffffu

/// As a program's id, in Attach, StdinEnd, Signal, WindowSize and Stdin: the main program.
#define POD_INIT_MAIN 0u

typedef enum PodInitType {
    PodInitTypeHello = 1,

    PodInitTypeExec = 2,
    PodInitTypeAttach = 3,
    PodInitTypeStdin = 4,
    PodInitTypeStdinEnd = 5,
    PodInitTypeSignal = 6,
    PodInitTypeWindowSize = 7,
    PodInitTypeList = 8,
    PodInitTypeShutdown = 9,

    PodInitTypeStarted = 65,
    PodInitTypeOutput = 66,
    PodInitTypeExited = 67,
    PodInitTypeStdinTaken = 68,
    PodInitTypeError = 69,
    PodInitTypeListEntry = 70,
    PodInitTypeDone = 71,
} PodInitType;

/// What was being done when an Error arose.
typedef enum PodInitStage {
    PodInitStageProtocol = 1,   ///< the message itself: its size, a flag, the version
    PodInitStageProgram = 2,    ///< no such program, a second main program, too many programs, or shutting down
    PodInitStagePipes = 3,      ///< making the program's pipes
    PodInitStageTerminal = 4,   ///< making the program's terminal
    PodInitStageFork = 5,
    PodInitStageUser = 6,       ///< looking the user up in the pod's /etc/passwd
    PodInitStageIdentity = 7,   ///< setgroups, setgid, setuid
    PodInitStageDirectory = 8,  ///< chdir
    PodInitStageExec = 9,       ///< execve: ENOENT is "not found" (127 to a shell), all else "cannot be run" (126)
    PodInitStageStdin = 10,     ///< EPIPE: nobody reads any more; EPERM: another client's; ENOBUFS: no room
    PodInitStageSignal = 11,
    PodInitStageWindowSize = 12,
} PodInitStage;

/// Flags of Exec; MAIN and TTY also stand in ListEntry.
typedef enum PodInitFlag {
    PodInitFlagMain = 1,      ///< the pod ends with this program, and with its exit code
    PodInitFlagTTY = 2,       ///< one terminal instead of three pipes; all output is stream 1
    PodInitFlagStdin = 4,     ///< standard input comes from the client (always so with a terminal), else /dev/null
    PodInitFlagDetached = 8,  ///< the client gets Started and nothing more
} PodInitFlag;

typedef enum PodInitAttachFlag {
    /// From now on standard input comes from this client, whoever sent it before.
    PodInitAttachFlagStdin = 1,
} PodInitAttachFlag;

typedef enum PodInitState {
    PodInitStateRunning = 1,
    PodInitStateExited = 2,
} PodInitState;

/// Begins every message.
typedef struct PodInitHeader {
    uint32_t type;
    uint32_t request;
} PodInitHeader;

/// Hello, both ways. Of another version the answer is an Error with EPROTONOSUPPORT, and the connection is closed.
typedef struct PodInitHello {
    PodInitHeader header;
    uint32_t magic;
    uint32_t version;
} PodInitHello;

/// Exec. Strings follow, each with its NUL: working directory ("" is /), user name (or ""), the arguments, the
/// environment ("NAME=value"). Nothing follows the last.
///
/// A user name stands for the user's uid, gid and supplementary groups in the pod's own /etc/passwd and /etc/group.
/// Without one, uid and gid count and there are no supplementary groups. HOME is added when it is missing. The
/// program is searched for along the PATH of the given environment.
typedef struct PodInitExec {
    PodInitHeader header;
    uint32_t flags;
    uint32_t uid;
    uint32_t gid;
    uint32_t argumentCount;  ///< at least 1
    uint32_t environmentCount;
    uint16_t rows;     ///< of the terminal; 0 is unknown
    uint16_t columns;
} PodInitExec;

/// Attach.
typedef struct PodInitAttach {
    PodInitHeader header;
    uint32_t program;
    uint32_t flags;
} PodInitAttach;

/// Stdin and Output: the bytes follow. StdinEnd: nothing does; to a terminal, send its end-of-file character as
/// Stdin.
typedef struct PodInitBytes {
    PodInitHeader header;
    uint32_t program;
    uint32_t stream;  ///< 0 for Stdin and StdinEnd, 1 (stdout) or 2 (stderr) for Output
} PodInitBytes;

/// Signal, to the program's process group.
typedef struct PodInitSignal {
    PodInitHeader header;
    uint32_t program;
    int32_t number;
} PodInitSignal;

/// WindowSize.
typedef struct PodInitWindowSize {
    PodInitHeader header;
    uint32_t program;
    uint16_t rows;
    uint16_t columns;
} PodInitWindowSize;

/// Shutdown: SIGTERM to all, SIGKILL to what is left after the grace, then pod-init exits.
typedef struct PodInitShutdown {
    PodInitHeader header;
    uint32_t graceMilliseconds;
} PodInitShutdown;

/// Started.
typedef struct PodInitStarted {
    PodInitHeader header;
    uint32_t program;
    int32_t pid;         ///< in the pod
    uint32_t stdinRoom;  ///< bytes of Stdin that may be sent before the first StdinTaken; 0: not this client's
    uint32_t flags;      ///< MAIN, TTY
} PodInitStarted;

/// Exited. No Output of this program follows.
typedef struct PodInitExited {
    PodInitHeader header;
    uint32_t program;
    int32_t code;    ///< exit code, when signal is 0
    int32_t signal;  ///< the signal that killed it, or 0
    uint32_t reserved;
} PodInitExited;

/// StdinTaken: so many more bytes have been written to the program's standard input.
typedef struct PodInitStdinTaken {
    PodInitHeader header;
    uint32_t program;
    uint32_t count;
} PodInitStdinTaken;

/// Error.
typedef struct PodInitError {
    PodInitHeader header;
    uint32_t program;  ///< 0 when there is none (yet)
    uint32_t stage;
    int32_t error;     ///< errno
    uint32_t reserved;
} PodInitError;

/// ListEntry. The arguments follow, each with its NUL, cut at POD_INIT_COMMAND_MAX bytes.
typedef struct PodInitListEntry {
    PodInitHeader header;
    uint32_t program;
    int32_t pid;
    uint32_t state;
    uint32_t flags;
    int32_t code;    ///< as in Exited
    int32_t signal;
    int64_t started;  ///< seconds since 1970, UTC
} PodInitListEntry;

#define POD_INIT_COMMAND_MAX 256u

static_assert(sizeof(PodInitHeader) == 8, "wire format");
static_assert(sizeof(PodInitHello) == 16, "wire format");
static_assert(sizeof(PodInitExec) == 32, "wire format");
static_assert(sizeof(PodInitAttach) == 16, "wire format");
static_assert(sizeof(PodInitBytes) == 16, "wire format");
static_assert(sizeof(PodInitSignal) == 16, "wire format");
static_assert(sizeof(PodInitWindowSize) == 16, "wire format");
static_assert(sizeof(PodInitShutdown) == 12, "wire format");
static_assert(sizeof(PodInitStarted) == 24, "wire format");
static_assert(sizeof(PodInitExited) == 24, "wire format");
static_assert(sizeof(PodInitStdinTaken) == 16, "wire format");
static_assert(sizeof(PodInitError) == 24, "wire format");
static_assert(sizeof(PodInitListEntry) == 40, "wire format");
static_assert(offsetof(PodInitExec, rows) == 28, "wire format");
static_assert(offsetof(PodInitListEntry, started) == 32, "wire format");

#endif
