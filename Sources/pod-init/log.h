// The programs' logs in the pod's own file system.

#ifndef LOG_H
#define LOG_H

#include <stddef.h>
#include <stdint.h>

struct log {
    int fd;  // -1: not open
    uint32_t program;
    uint64_t size;
};

#define LOG_CLOSED ((struct log){.fd = -1})

/// Makes the folder and removes the logs of an earlier run: the numbers of the programs begin anew.
void log_prepare(void);

void log_open(struct log *log, uint32_t program);

/// Appends what the disk takes. A full or read-only disk costs log bytes, never the program's progress.
void log_append(struct log *log, const void *bytes, size_t count);

void log_close(struct log *log);

void log_remove(uint32_t program);

/// Points `main.log` at this program's log.
void log_link_main(uint32_t program);

#endif
