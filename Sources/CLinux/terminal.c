#include "CLinuxProcess.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios former;
static volatile sig_atomic_t is_raw;

int csys_window_size(int fd, uint16_t *rows, uint16_t *columns) {
    struct winsize size;
    if (ioctl(fd, TIOCGWINSZ, &size) < 0) return -errno;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return 0;
}

int csys_terminal_number(int fd) {
    // Of /dev/tty, too, it is the device of the terminal behind it.
    enum { PSEUDOTERMINALS = 136 };
    unsigned int device;
    if (ioctl(fd, TIOCGDEV, &device) < 0) return -errno;
    unsigned int high = device >> 8 & 0xfff, number = (device & 0xff) | (device >> 12 & 0xfff00);
    return high == PSEUDOTERMINALS ? (int)number : -ENOTTY;
}

int csys_terminal_raw(int fd) {
    if (tcgetattr(fd, &former) < 0) return -errno;
    struct termios raw = former;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) < 0) return -errno;
    is_raw = 1;
    return 0;
}

int csys_terminal_restore(int fd) {
    if (!is_raw) return 0;
    is_raw = 0;
    return tcsetattr(fd, TCSADRAIN, &former) < 0 ? -errno : 0;
}
