#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "PodInitABI.h"

// CRIU refuses to dump an unlinked open file of more than 1 MiB (its --ghost-limit), and a user may well remove a
// log.
#define SIZE_LIMIT ((uint64_t)1 << 20)

#define PATH_SIZE 64

static void log_path(char path[PATH_SIZE], uint32_t program, const char *suffix)
{
    snprintf(path, PATH_SIZE, POD_INIT_LOG_FOLDER "/%u.log%s", program, suffix);
}

void log_prepare(void)
{
    mkdir("/var", 0755);
    mkdir("/var/log", 0755);
    mkdir(POD_INIT_LOG_FOLDER, 0750);

    DIR *folder = opendir(POD_INIT_LOG_FOLDER);
    if (folder == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        size_t digits = strspn(entry->d_name, "0123456789");
        const char *rest = entry->d_name + digits;
        if (digits > 0 && (strcmp(rest, ".log") == 0 || strcmp(rest, ".log.1") == 0))
            unlinkat(dirfd(folder), entry->d_name, 0);
    }
    unlinkat(dirfd(folder), "main.log", 0);
    closedir(folder);
}

void log_open(struct log *log, uint32_t program)
{
    char path[PATH_SIZE];
    log_path(path, program, "");

    // O_NONBLOCK and the check are for a FIFO or a device that somebody has put into this place: an open must not
    // hang.
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0640);
    struct stat status = {0};
    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        close(fd);
        fd = -1;
    }
    *log = (struct log){.fd = fd, .program = program, .size = fd < 0 ? 0 : (uint64_t)status.st_size};
}

static void rotate(struct log *log)
{
    char path[PATH_SIZE], older[PATH_SIZE];
    log_path(path, log->program, "");
    log_path(older, log->program, ".1");

    if (rename(path, older) == 0) {
        log_close(log);
        log_open(log, log->program);
    } else if (ftruncate(log->fd, 0) == 0) {
        // No second file to be had: the newest bytes are worth more than the oldest.
        log->size = 0;
    }
}

void log_append(struct log *log, const void *bytes, size_t count)
{
    // The disk that was full a moment ago may have room again.
    if (log->fd < 0)
        log_open(log, log->program);
    if (log->fd < 0)
        return;
    if (log->size > 0 && log->size + count > SIZE_LIMIT)
        rotate(log);
    if (log->fd < 0 || log->size + count > SIZE_LIMIT)
        return;

    const char *next = bytes;
    while (count > 0) {
        ssize_t written = write(log->fd, next, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return;
        next += written;
        count -= (size_t)written;
        log->size += (uint64_t)written;
    }
}

void log_close(struct log *log)
{
    if (log->fd >= 0)
        close(log->fd);
    log->fd = -1;
}

void log_remove(uint32_t program)
{
    char path[PATH_SIZE];
    log_path(path, program, "");
    unlink(path);
    log_path(path, program, ".1");
    unlink(path);
}

void log_link_main(uint32_t program)
{
    char target[32];
    snprintf(target, sizeof target, "%u.log", program);
    unlink(POD_INIT_LOG_FOLDER "/main.log");
    // Without it `logs` has to be asked for a number; nothing else depends on it.
    if (symlink(target, POD_INIT_LOG_FOLDER "/main.log") < 0)
        return;
}
