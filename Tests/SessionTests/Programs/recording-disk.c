// A disk that remembers: serves one file, `disk`, for a loop device, and writes down what reaches it in the order in
// which it does. From the record a test builds what a stick holds when its power goes at any moment.
//
//   recording-disk IMAGE RECORD CONTROL MOUNTPOINT
//
// IMAGE holds the disk's bytes as they are now. RECORD gets, for every write and every flush of the disk's cache, a
// struct record, followed by the bytes of a write. CONTROL is a struct control, shared with the test, which fixes when
// the disk vanishes.
#define FUSE_USE_VERSION 35
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_WRITE = 1, RECORD_FLUSH = 2 };

struct record {
    uint32_t kind;
    uint32_t reserved;
    uint64_t offset;
    uint64_t length;
};

struct control {
    // Records since the disk is there; this program's.
    _Atomic uint64_t count;
    // With so many the disk vanishes, before the next one; 0 for never. The test's.
    _Atomic uint64_t limit;
};

static int image, record;
static struct control *control;

static int write_all(int file, const void *bytes, size_t size)
{
    const char *next = bytes;
    while (size > 0) {
        ssize_t written = write(file, next, size);
        if (written < 0)
            return -errno;
        next += written;
        size -= (size_t)written;
    }
    return 0;
}

static int remember(uint32_t kind, uint64_t offset, const char *bytes, uint64_t length)
{
    uint64_t limit = atomic_load(&control->limit);
    if (limit != 0 && atomic_load(&control->count) >= limit)
        _exit(0);
    struct record head = {.kind = kind, .offset = offset, .length = length};
    int result = write_all(record, &head, sizeof head);
    if (result == 0 && length > 0)
        result = write_all(record, bytes, length);
    if (result == 0)
        atomic_fetch_add(&control->count, 1);
    return result;
}

static int is_disk(const char *path) { return strcmp(path, "/disk") == 0; }

static int disk_getattr(const char *path, struct stat *status, struct fuse_file_info *info)
{
    (void)info;
    if (strcmp(path, "/") == 0) {
        *status = (struct stat){.st_mode = S_IFDIR | 0700, .st_nlink = 2};
        return 0;
    }
    if (!is_disk(path))
        return -ENOENT;
    if (fstat(image, status) < 0)
        return -errno;
    status->st_mode = S_IFREG | 0600;
    return 0;
}

static int disk_open(const char *path, struct fuse_file_info *info)
{
    (void)info;
    return is_disk(path) ? 0 : -ENOENT;
}

static int disk_read(const char *path, char *bytes, size_t size, off_t offset, struct fuse_file_info *info)
{
    (void)path, (void)info;
    ssize_t got = pread(image, bytes, size, offset);
    return got < 0 ? -errno : (int)got;
}

static int disk_write(const char *path, const char *bytes, size_t size, off_t offset, struct fuse_file_info *info)
{
    (void)path, (void)info;
    int result = remember(RECORD_WRITE, (uint64_t)offset, bytes, size);
    if (result < 0)
        return result;
    ssize_t written = pwrite(image, bytes, size, offset);
    return written < 0 ? -errno : (int)written;
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *info)
{
    (void)path, (void)data_only, (void)info;
    return remember(RECORD_FLUSH, 0, NULL, 0);
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr,
    .open = disk_open,
    .read = disk_read,
    .write = disk_write,
    .fsync = disk_fsync,
};

int main(int count, char **arguments)
{
    if (count != 5)
        return 64;
    image = open(arguments[1], O_RDWR | O_CLOEXEC);
    record = open(arguments[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int shared = open(arguments[3], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (image < 0 || record < 0 || shared < 0 || ftruncate(shared, sizeof *control) < 0) {
        perror("recording-disk");
        return 1;
    }
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
    if (control == MAP_FAILED) {
        perror("recording-disk");
        return 1;
    }
    // One thread: what is written down is the order in which it came.
    char *fuse[] = {arguments[0], "-f", "-s", arguments[4], NULL};
    return fuse_main(4, fuse, &operations, NULL);
}
