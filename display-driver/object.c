#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// A number that no other start has had, nor will have: the time, in ns.
static uint64_t new_epoch(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// A file of our own making: the folder may be everybody's.
static int new_file(const char *path) {
    if (unlink(path) < 0 && errno != ENOENT) return -1;
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
}

static Bool fill(struct driver *driver, uint64_t epoch) {
    if (ftruncate(driver->file, (off_t)DISPLAY_OBJECT_BYTES) < 0) return FALSE;
    void *memory =
        mmap(NULL, DISPLAY_OBJECT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, driver->file, 0);
    if (memory == MAP_FAILED) return FALSE;
    driver->object = memory;
    errno = object_allocate(driver, 0, DISPLAY_CURSOR_OFFSET + DISPLAY_CURSOR_BYTES);
    if (errno) return FALSE;
    struct display_server *server = &driver->object->server;
    server->version = DISPLAY_ABI_VERSION;
    server->object_bytes = DISPLAY_OBJECT_BYTES;
    server->features = DISPLAY_FEATURE_RESIZE | DISPLAY_FEATURE_VIDEO | DISPLAY_FEATURE_CURSOR | DISPLAY_FEATURE_INPUT |
                       DISPLAY_FEATURE_KEYMAP | DISPLAY_FEATURE_CLIPBOARD | DISPLAY_FEATURE_LOCK | DISPLAY_FEATURE_REST;
    server->epoch = epoch;
    server->state = DISPLAY_STATE_RUNNING;
    __atomic_store_n(&server->magic, DISPLAY_ABI_MAGIC, __ATOMIC_RELEASE);
    return TRUE;
}

Bool object_create(struct driver *driver) {
    char fresh[4096];
    if (snprintf(fresh, sizeof fresh, "%s.new", driver->path) >= (int)sizeof fresh) {
        xf86DrvMsg(driver->scrn->scrnIndex, X_ERROR, "the object's path is too long: %s\n", driver->path);
        return FALSE;
    }
    driver->file = new_file(fresh);
    if (driver->file >= 0 && fill(driver, new_epoch()) && rename(fresh, driver->path) == 0) {
        xf86DrvMsg(driver->scrn->scrnIndex, X_INFO, "the screen is shared in %s\n", driver->path);
        return TRUE;
    }
    xf86DrvMsg(driver->scrn->scrnIndex, X_ERROR, "cannot make %s: %s\n", fresh, strerror(errno));
    if (driver->file >= 0) unlink(fresh);
    object_destroy(driver);
    return FALSE;
}

// Unless another server has put its own there since.
static void remove_path(struct driver *driver) {
    struct stat ours, there;
    if (fstat(driver->file, &ours) == 0 && lstat(driver->path, &there) == 0 && ours.st_dev == there.st_dev &&
        ours.st_ino == there.st_ino)
        unlink(driver->path);
}

void object_destroy(struct driver *driver) {
    if (driver->object) {
        remove_path(driver);
        __atomic_store_n(&driver->object->server.state, DISPLAY_STATE_GONE, __ATOMIC_RELEASE);
        display_ring(&driver->object->server.published);
        munmap(driver->object, DISPLAY_OBJECT_BYTES);
        driver->object = NULL;
    }
    if (driver->file >= 0) close(driver->file);
    driver->file = -1;
}

int object_allocate(struct driver *driver, uint64_t offset, uint64_t bytes) {
    int result;
    do result = fallocate(driver->file, 0, (off_t)offset, (off_t)bytes);
    while (result < 0 && errno == EINTR);
    return result < 0 ? errno : 0;
}

void object_punch(struct driver *driver, uint64_t offset, uint64_t bytes) {
    if (bytes == 0) return;
    bytes = (bytes + DISPLAY_PAGE - 1) / DISPLAY_PAGE * DISPLAY_PAGE; // a page that is cut only in part stays
    int result;
    do result = fallocate(driver->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes);
    while (result < 0 && errno == EINTR);
    // A file system that cannot do it keeps the memory; nothing else comes of it.
}

void object_publish(struct driver *driver) {
    driver->news = FALSE;
    display_ring(&driver->object->server.published);
}
