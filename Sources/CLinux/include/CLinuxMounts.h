// Mounts, loop devices and namespaces. Every function returns a value >= 0, or -errno.
#ifndef CLINUX_MOUNTS_H
#define CLINUX_MOUNTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// mount(2), with the flags of the kernel (MS_…).
int csys_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data);
/// umount2(2).
int csys_umount(const char *path, int flags);

/// A detached copy of the mount at `path`, as a descriptor. OPEN_TREE_CLONE.
int csys_clone_mount(const char *path);
/// Makes the detached mount show its owners through the user namespace's map, and read-only when asked.
int csys_mount_idmap(int mount, int user_namespace, int read_only);
/// Attaches a detached mount at `path`.
int csys_attach_mount(int mount, const char *path);

/// A file system that is being configured. -ENOSYS on kernels before 5.2.
int csys_fs_open(const char *type);
int csys_fs_set_string(int fs, const char *key, const char *value);
/// `key` without a value.
int csys_fs_set_flag(int fs, const char *key);
/// The finished file system as a detached mount; `attributes` are MOUNT_ATTR_….
int csys_fs_mount(int fs, unsigned int attributes);
/// The kernel's own words on what failed, into `buffer` (NUL-terminated); 0 when it said nothing.
ssize_t csys_fs_message(int fs, char *buffer, size_t capacity);

/// A loop device on an open file, its number in /dev/loopN to `*number`. It frees itself when its last user goes
/// (LO_FLAGS_AUTOCLEAR): keep the returned descriptor until it is mounted.
int csys_loop_attach(int file, int read_only, int *number);
/// Has the loop device take the length that its file has now.
int csys_loop_refresh(const char *device);

/// A user namespace whose ids 0 ..< count are `base` ..< base + count of this one.
int csys_user_namespace(uint32_t base, uint32_t count);

/// MOUNT_ATTR_NODEV: device nodes in it are just names.
static const unsigned int csys_mount_nodev = 0x4;

/// O_PATH, which Swift does not see.
static const int csys_path_only = 010000000;

/// Opens `path` below `root` as if `root` were /. With `no_symlinks` no component may be a symbolic link.
/// openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS.
int csys_open_in_root(int root, const char *path, int flags, unsigned int mode, int no_symlinks);

#endif
