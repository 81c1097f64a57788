// Pseudoterminals: settings, sizes, the session and group in the foreground, packet mode, and a program that reads from one.

#include "kind.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static struct shared {
    pid_t shell, job;
    unsigned resized, interrupted;
    uint64_t memory;
} *shared;

/// Of a program in a session of its own, as pod-init and terminal emulators have it.
static int master, slave;
/// Both ends in this process, without a session.
static int raw_master, raw_slave;
static char name[64];
static struct termios settings;

static void count_resize(int signal) { (void)signal; shared->resized++; }
static void count_interrupt(int signal) { (void)signal; shared->interrupted++; }

/// Leads the session and reads lines in the background's stead; answers each with what only it knows.
static _Noreturn void shell(void)
{
    must(setsid());
    int terminal = must(open(name, O_RDWR));
    must(ioctl(terminal, TIOCSCTTY, 0));
    close(terminal);
    terminal = must(open("/dev/tty", O_RDWR));
    signal(SIGTTOU, SIG_IGN);
    sigaction(SIGWINCH, &(struct sigaction){.sa_handler = count_resize, .sa_flags = SA_RESTART}, NULL);
    shared->shell = getpid();
    pid_t job = must(fork());
    if (job == 0) {
        sigaction(SIGINT, &(struct sigaction){.sa_handler = count_interrupt, .sa_flags = SA_RESTART}, NULL);
        must(setpgid(0, 0));
        must(tcsetpgrp(terminal, getpid()));
        shared->job = getpid();
        uint64_t key = mix(70);
        char line[64], answer[64];
        for (;;) {
            ssize_t size = read(terminal, line, sizeof line - 1);
            if (size <= 0)
                _exit(0);
            line[size] = 0;
            int length = snprintf(answer, sizeof answer, "%016llx\n", (unsigned long long)(key ^ strtoull(line, NULL, 16)));
            if (write(terminal, answer, (size_t)length) != length)
                _exit(1);
        }
    }
    for (;;)
        pause();
}

static int open_master(void)
{
    int fd = must(posix_openpt(O_RDWR | O_NOCTTY));
    must(grantpt(fd));
    must(unlockpt(fd));
    return fd;
}

static void make(void)
{
    shared = must(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    shared->memory = mix(1);
    // One before, so that the numbers are not what a fresh start gives.
    int first = open_master();
    master = open_master();
    close(first);
    must(ptsname_r(master, name, sizeof name));
    slave = must(open(name, O_RDWR | O_NOCTTY));
    must(tcgetattr(slave, &settings));
    settings.c_lflag &= (tcflag_t)~ECHO;
    settings.c_cc[VINTR] = 'B' & 0x1f;
    settings.c_cc[VERASE] = 'E' & 0x1f;
    must(tcsetattr(slave, TCSANOW, &settings));
    must(ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_row = 41, .ws_col = 133, .ws_xpixel = 500}));
    must(fchmod(slave, 0620));
    if (must(fork()) == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(master);
        close(slave);
        shell();
    }
    if (!soon(shared->job && shared->shell))
        give_up("no session", __LINE__);

    raw_master = open_master();
    char raw_name[64];
    must(ptsname_r(raw_master, raw_name, sizeof raw_name));
    raw_slave = must(open(raw_name, O_RDWR | O_NOCTTY));
    struct termios raw;
    must(tcgetattr(raw_slave, &raw));
    cfmakeraw(&raw);
    cfsetspeed(&raw, B19200);
    raw.c_cc[VMIN] = 5;
    must(tcsetattr(raw_slave, TCSANOW, &raw));
    must(ioctl(raw_master, TIOCPKT, &(int){1}));
}

static bool answers(void)
{
    char line[64];
    uint64_t number = mix(now(CLOCK_MONOTONIC) & 0xffff);
    int length = snprintf(line, sizeof line, "%016llx\n", (unsigned long long)number);
    if (write(master, line, (size_t)length) != length)
        return false;
    // Its newline comes as two characters.
    char answer[18];
    return read_all(master, answer, sizeof answer) && strtoull(answer, NULL, 16) == (mix(70) ^ number);
}

static void check(void)
{
    struct termios found;
    struct winsize size = {0};
    struct stat status;
    char name_now[64] = "";
    expect(ptsname_r(master, name_now, sizeof name_now) == 0 && strcmp(name_now, name) == 0, "its name");
    expect(tcgetattr(slave, &found) == 0 && found.c_lflag == settings.c_lflag && found.c_iflag == settings.c_iflag &&
               found.c_oflag == settings.c_oflag && found.c_cflag == settings.c_cflag &&
               memcmp(found.c_cc, settings.c_cc, NCCS) == 0,
           "its settings");
    expect(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 41 && size.ws_col == 133 && size.ws_xpixel == 500,
           "its size");
    expect(fstat(slave, &status) == 0 && (status.st_mode & 0777) == 0620, "its mode");
    expect(tcgetpgrp(master) == shared->job, "the group in the foreground");
    pid_t session = 0;
    expect(ioctl(master, TIOCGSID, &session) == 0 && session == shared->shell, "its session");
    expect(shared->memory == mix(1) && answers(), "a program that reads from it answers");
    unsigned before = shared->interrupted;
    expect(write(master, &(char){'B' & 0x1f}, 1) == 1 && soon(shared->interrupted > before), "its interrupt character");
    before = shared->resized;
    expect(kill(shared->shell, SIGWINCH) == 0 && soon(shared->resized > before), "a signal to the session's leader");
    before = shared->interrupted;
    expect(answers(), "and it still answers");

    struct termios raw;
    uint8_t bytes[64];
    expect(tcgetattr(raw_slave, &raw) == 0 && !(raw.c_lflag & ICANON) && raw.c_cc[VMIN] == 5 && cfgetispeed(&raw) == B19200,
           "raw settings");
    expect(write(raw_slave, "hello", 5) == 5 && readable(raw_master, 5000) && read(raw_master, bytes, sizeof bytes) == 6 &&
               bytes[0] == TIOCPKT_DATA && memcmp(bytes + 1, "hello", 5) == 0,
           "packet mode");
    expect(write(raw_master, "12345", 5) == 5 && read_all(raw_slave, bytes, 5) && memcmp(bytes, "12345", 5) == 0,
           "the way in");
}

static void lose_settings(void)
{
    struct termios other = settings;
    other.c_cc[VERASE] = 'x';
    must(tcsetattr(slave, TCSANOW, &other));
}
static void lose_size(void) { must(ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = 80})); }
static void lose_job(void) { kill(shared->job, SIGKILL); }
static void lose_session(void) { kill(shared->shell, SIGKILL); pause_for(50); }
static void lose_packets(void) { must(ioctl(raw_master, TIOCPKT, &(int){0})); }

const struct kind kind = {
    "terminals", make, NULL, check,
    (const struct loss[]){
        {"settings", lose_settings}, {"a size", lose_size}, {"the foreground", lose_job}, {"the session", lose_session},
        {"packet mode", lose_packets}, {0}},
};
