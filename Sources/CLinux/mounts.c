#include "CLinuxMounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc's <sys/mount.h> and <linux/mount.h> cannot both be included on Debian 12.
extern int mount(const char *, const char *, const char *, unsigned long, const void *);
extern int umount2(const char *, int);

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#endif

static int checked(long result) {
    return result < 0 ? -errno : (int)result;
}

int csys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
    return checked(mount(source, target, type, flags, data));
}

int csys_umount(const char *path, int flags) {
    return checked(umount2(path, flags));
}

int csys_clone_mount(const char *path) {
    return checked(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | O_CLOEXEC));
}

int csys_mount_idmap(int tree, int user_namespace, int read_only) {
    struct mount_attr attributes = {
        .attr_set = MOUNT_ATTR_IDMAP | (read_only ? MOUNT_ATTR_RDONLY : 0),
        .userns_fd = (uint64_t)user_namespace,
    };
    return checked(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes));
}

int csys_attach_mount(int tree, const char *path) {
    return checked(syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH));
}

int csys_fs_open(const char *type) {
    return checked(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
}

int csys_fs_set_string(int fs, const char *key, const char *value) {
    return checked(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0));
}

int csys_fs_set_flag(int fs, const char *key) {
    return checked(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, key, NULL, 0));
}

int csys_fs_mount(int fs, unsigned int attributes) {
    if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return -errno;
    return checked(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes));
}

ssize_t csys_fs_message(int fs, char *buffer, size_t capacity) {
    if (capacity == 0) return 0;
    ssize_t count = read(fs, buffer, capacity - 1);
    if (count < 0) count = 0;
    buffer[count] = 0;
    return count;
}

int csys_open_in_root(int root, const char *path, int flags, unsigned int mode, int no_symlinks) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (no_symlinks ? RESOLVE_NO_SYMLINKS : 0),
    };
    return checked(syscall(SYS_openat2, root, path, &how, sizeof how));
}
