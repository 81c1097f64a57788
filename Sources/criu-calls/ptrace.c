// Loaded into CRIU while it dumps a pod (LD_PRELOAD): has system calls that wait go on waiting.
//
// A thread that is stopped in nanosleep, poll or futex has the kernel's ERESTART_RESTARTBLOCK where its result will be: the
// kernel itself would go on where it was, by a record that nobody else can read or set. CRIU makes EINTR of it
// (compel_get_task_regs in its compel/arch/x86/src/lib/infect.c), in the images and for programs that run on: a sleep ends
// early, and sem_timedwait fails, without any signal that was handled. Here CRIU is told ERESTARTNOHAND, with which it has
// a restored program make the call again, as it does of pause and select, and the kernel one that runs on: there it is
// EINTR, as it has to be, should a handler run first.
//
// What that means for a call: poll without an end, and futex with a deadline (FUTEX_WAIT_BITSET), go on exactly. So do
// sleeps whose caller asked to be told in the same place what is left (sleep(3), most languages' own): the kernel has
// written it there. Those that did not ask, and poll with a timeout, begin their time anew; none of them promises more than
// "at least". Those that asked in another place handle EINTR, or they would not ask, and get it as before.
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

// As the C library has it, whose own can only be asked for by a newer one than some CRIU's.
static long call(enum __ptrace_request request, pid_t thread, void *address, void *data) {
    const int peeks = request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA || request == PTRACE_PEEKUSER;
    long word = 0;
    const long result = syscall(SYS_ptrace, request, thread, address, peeks ? &word : data);
    if (result < 0 || !peeks) return result;
    errno = 0;
    return word;
}

#ifdef __x86_64__

// The kernel's include/linux/errno.h; programs never see them.
enum { ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 };

// The number of the call that is made again by restart_syscall(2), after an earlier stop: what the instructions before it
// put into the register ("mov $number, %eax; syscall"), as the C libraries have it; -1 when they are others.
static long restarted(pid_t thread, uint64_t after) {
    const uint64_t start = after - 7;
    uint8_t code[8];
    const long word = call(PTRACE_PEEKTEXT, thread, (void *)(uintptr_t)start, NULL);
    memcpy(code, &word, sizeof code);
    if (code[0] != 0xb8 || code[5] != 0x0f || code[6] != 0x05) return -1;
    uint32_t number;
    memcpy(&number, code + 1, sizeof number);
    return number;
}

static int goes_on(long number, const struct user_regs_struct *registers) {
    switch (number) {
    case SYS_nanosleep: return registers->rsi == 0 || registers->rsi == registers->rdi;
    case SYS_clock_nanosleep: return registers->r10 == 0 || registers->r10 == registers->rdx;
    case SYS_poll:
    case SYS_futex: return 1;
    default: return 0;
    }
}

static void mend(pid_t thread, const struct iovec *got) {
    struct user_regs_struct *registers = got->iov_base;
    // Shorter ones are a program's of 32 bits.
    if (got->iov_len != sizeof *registers || (long)registers->rax != -ERESTART_RESTARTBLOCK) return;
    long number = (long)registers->orig_rax;
    if (number == SYS_restart_syscall) number = restarted(thread, registers->rip);
    if (!goes_on(number, registers)) return;
    registers->orig_rax = (unsigned long)number;
    registers->rax = (unsigned long)-ERESTARTNOHAND;
}

#else

static void mend(pid_t thread, const struct iovec *got) { (void)thread, (void)got; }

#endif

__attribute__((visibility("default"))) long ptrace(enum __ptrace_request request, ...) {
    va_list rest;
    va_start(rest, request);
    const pid_t thread = va_arg(rest, pid_t);
    void *address = va_arg(rest, void *), *data = va_arg(rest, void *);
    va_end(rest);
    const long result = call(request, thread, address, data);
    if (result == 0 && request == PTRACE_GETREGSET && (uintptr_t)address == NT_PRSTATUS) mend(thread, data);
    return result;
}
