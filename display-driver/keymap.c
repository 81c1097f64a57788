// A viewer's keymap becomes that of the pod's keyboard: keycodes are then the host's, and so is what they mean.
#include "driver.h"

#include <X11/extensions/XKM.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <xkbsrv.h>
#include <xkbfile.h>

/// xkbcomp needs 5 ms for an ordinary map.
enum { COMPILER_MS = 2000 };

// Waits for the compiler; one that does not come to an end is ended.
static Bool succeeds(pid_t pid) {
    int process = (int)syscall(SYS_pidfd_open, pid, 0), status = -1;
    struct pollfd wait = {.fd = process, .events = POLLIN};
    int ready;
    do ready = poll(&wait, 1, process < 0 ? 0 : COMPILER_MS);
    while (ready < 0 && errno == EINTR);
    if (ready <= 0 && process >= 0) kill(pid, SIGKILL);
    if (process >= 0) close(process);
    pid_t ended;
    do ended = waitpid(pid, &status, 0);
    while (ended < 0 && errno == EINTR);
    return ended == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// xkbcomp's binary form of the text, or NULL. Not by XkbCompileKeymapFromString, which answers a bad map with another.
static FILE *compile(const char *text, uint32_t bytes) {
    extern char **environ;
    static const char *const arguments[] = {"xkbcomp", "-w", "0", "-xkm", "-", "-", NULL};
    int in = memfd_create("keymap", MFD_CLOEXEC), out = memfd_create("xkm", MFD_CLOEXEC);
    FILE *result = NULL;
    posix_spawn_file_actions_t files;
    pid_t pid;
    if (in >= 0 && out >= 0 && posix_spawn_file_actions_init(&files) == 0) {
        posix_spawn_file_actions_adddup2(&files, in, 0);
        posix_spawn_file_actions_adddup2(&files, out, 1);
        posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
        if (pwrite(in, text, bytes, 0) == (ssize_t)bytes &&
            posix_spawnp(&pid, arguments[0], &files, NULL, (char *const *)arguments, environ) == 0 && succeeds(pid) &&
            lseek(out, 0, SEEK_SET) == 0)
            result = fdopen(out, "r");
        posix_spawn_file_actions_destroy(&files);
    }
    if (in >= 0) close(in);
    if (out >= 0 && !result) close(out);
    return result;
}

static XkbDescPtr load(const char *text, uint32_t bytes) {
    const unsigned need = XkmSymbolsMask | XkmCompatMapMask | XkmTypesMask | XkmKeyNamesMask | XkmVirtualModsMask;
    FILE *compiled = compile(text, bytes);
    if (!compiled) return NULL;
    XkbDescPtr map = NULL;
    unsigned missing = XkmReadFile(compiled, need, XkmAllIndicesMask, &map);
    fclose(compiled);
    if (map && missing & need) {
        XkbFreeKeyboard(map, XkbAllComponentsMask, TRUE);
        map = NULL;
    }
    return map;
}

static int apply(struct driver *driver, const char *text, uint32_t bytes) {
    XkbDescPtr map = load(text, bytes);
    if (!map) return EINVAL;
    // Keys that were pressed before are to mean what they did then.
    input_flush(driver);
    DeviceIntPtr keyboard = driver->keyboard;
    XkbChangesRec changes;
    memset(&changes, 0, sizeof changes);
    XkbUpdateDescActions(map, map->min_key_code, XkbNumKeys(map), &changes);
    // How keys repeat, and help for those who need it, was set in the pod and stays.
    XkbCopyControls(map, keyboard->key->xkbInfo->desc);
    XkbDeviceApplyKeymap(keyboard, map);
    DeviceIntPtr master = GetMaster(keyboard, MASTER_KEYBOARD);
    if (master && master->lastSlave == keyboard) XkbDeviceApplyKeymap(master, map);
    XkbFreeKeyboard(map, XkbAllComponentsMask, TRUE);
    return 0;
}

static int apply_text(struct driver *driver, uint32_t slot) {
    struct display_viewer *from = &driver->object->viewers[slot];
    uint32_t bytes = __atomic_load_n(&from->keymap_bytes, __ATOMIC_RELAXED);
    if (bytes == 0 || bytes > DISPLAY_MAX_KEYMAP) return EINVAL;
    if (!driver->keyboard || !driver->keyboard->key) return EBUSY;
    // A copy: it may change under our hands. Read by the file, because a page that nobody wrote is not to be made.
    char *text = malloc(bytes);
    if (!text) return ENOMEM;
    int error = EINVAL;
    if (pread(driver->file, text, bytes, (off_t)display_keymap_offset(slot)) == (ssize_t)bytes)
        error = apply(driver, text, bytes);
    free(text);
    return error;
}

static void take(struct driver *driver, uint32_t slot, uint32_t serial) {
    int error = apply_text(driver, slot);
    driver->viewers[slot].keymap = serial;
    driver->keymap_owner = driver->viewers[slot].owner;
    driver->keymap_serial = serial;
    struct display_echo *echo = &driver->object->server.echoes[slot];
    __atomic_store_n(&echo->keymap_error, error, __ATOMIC_RELAXED);
    display_store(&echo->keymap, serial);
    object_tell(driver);
}

void keymap_look(struct driver *driver, uint32_t slot) {
    const struct display_viewer *from = &driver->object->viewers[slot];
    uint32_t serial = display_load(&from->keymap), owner = __atomic_load_n(&from->keymap_owner, __ATOMIC_RELAXED);
    // The serial once more: the owner may have been written in between.
    if (owner != driver->viewers[slot].owner || display_load(&from->keymap) != serial) return;
    if (serial != 0 && serial != driver->viewers[slot].keymap) take(driver, slot, serial);
}

void keymap_use(struct driver *driver, uint32_t slot) {
    const struct viewer *viewer = &driver->viewers[slot];
    if (viewer->keymap == 0) return; // has none of its own
    if (driver->keymap_owner == viewer->owner && driver->keymap_serial == viewer->keymap) return;
    take(driver, slot, viewer->keymap);
}
