#include "CLinuxMounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef LOOP_CONFIGURE
#define LOOP_CONFIGURE 0x4C0A
struct loop_config {
    __u32 fd;
    __u32 block_size;
    struct loop_info64 info;
    __u64 __reserved[8];
};
#endif

// A free number may be taken by somebody else before it is configured; that many times it is tried again.
enum { ATTEMPTS = 64 };

int csys_loop_attach(int file, int read_only, int *number) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) return -errno;
    int result = -EBUSY;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int free_number = ioctl(control, LOOP_CTL_GET_FREE);
        if (free_number < 0) {
            result = -errno;
            break;
        }
        char path[32];
        snprintf(path, sizeof path, "/dev/loop%d", free_number);
        int device = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (device < 0) {
            result = -errno;
            break;
        }
        struct loop_config config = {
            .fd = (__u32)file,
            .info = {.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0)},
        };
        if (ioctl(device, LOOP_CONFIGURE, &config) == 0) {
            *number = free_number;
            result = device;
            break;
        }
        result = -errno;
        close(device);
        if (result != -EBUSY) break;
    }
    close(control);
    return result;
}

int csys_loop_refresh(const char *device) {
    int loop = open(device, O_RDWR | O_CLOEXEC);
    if (loop < 0) return -errno;
    int result = ioctl(loop, LOOP_SET_CAPACITY, 0) < 0 ? -errno : 0;
    close(loop);
    return result;
}
