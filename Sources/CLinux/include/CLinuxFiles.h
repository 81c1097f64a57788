// Files and file systems: what Swift cannot call (variadic, or a name that is also a struct's), and walks.
// Every function returns a value >= 0, or -errno.
#ifndef CLINUX_FILES_H
#define CLINUX_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// A descriptor for `path`, close-on-exec; `mode` counts with O_CREAT only.
int csys_open(const char *path, int flags, mode_t mode);

/// The same for a name in an open folder.
int csys_open_at(int folder, const char *name, int flags, mode_t mode);

/// memfd_create, close-on-exec.
int csys_memory_file(const char *name);

/// Writes to the device whatever the file system that `fd` lies on still holds in memory.
int csys_syncfs(int fd);

/// flock(2) with LOCK_SH, LOCK_EX, LOCK_UN and LOCK_NB.
int csys_flock(int fd, int operation);

/// Bytes that an unprivileged program may still write at `path`, and the file system's magic number.
int csys_statfs(const char *path, uint64_t *free_bytes, int64_t *type);

/// Bytes that the tree at `path` takes up on its own file system, and the lengths of its ordinary files. Links are
/// not followed, what is mounted inside is not counted, a file with two names is counted twice.
int csys_tree_bytes(const char *path, uint64_t *allocated, uint64_t *content);

/// sync_file_range with SYNC_FILE_RANGE_WRITE: writing begins, nobody waits.
int csys_start_write_back(int fd, int64_t offset, int64_t count);

/// Has all pages of mapped memory be there, as far as the kernel can.
void csys_populate(const void *bytes, size_t count);

/// Sets O_DIRECT, or takes it back.
int csys_set_direct(int fd, int direct);

/// Sets an extended attribute; a link is not followed.
int csys_set_attribute(const char *path, const char *name, const void *value, size_t size);

/// Makes a folder with exactly this mode as the user `id`, group alike: in a tmpfs that belongs to a user namespace nobody
/// else, root included, can own anything (EOVERFLOW).
int csys_make_folder_as(uint32_t id, int folder, const char *name, mode_t mode);
/// Makes a file that was not there, as that user, open to write, mode 0600: in whatever folder root may write to, also one
/// that the user may not. Gives its descriptor.
int csys_make_file_as(uint32_t id, int folder, const char *name);
/// Gives a file of that user's another name in its folder.
int csys_rename_as(uint32_t id, int folder, const char *name, const char *new_name);

/// renameat2 with RENAME_NOREPLACE: -EEXIST when `to` is there.
int csys_rename_new(const char *from, const char *to);

/// renameat2 with RENAME_EXCHANGE: both names are there before and after, and never in between.
int csys_exchange(int from_folder, const char *from, int to_folder, const char *to);

/// Extended attributes of an open file, as their system calls have them: a list's names end with a NUL each, and with a
/// `size` of 0 they tell the size that is needed.
ssize_t csys_list_attributes(int fd, char *names, size_t size);
ssize_t csys_get_attribute(int fd, const char *name, void *value, size_t size);
int csys_put_attribute(int fd, const char *name, const void *value, size_t size);
int csys_remove_attribute(int fd, const char *name);
/// One of a file that need not be open; a link is not followed.
ssize_t csys_get_attribute_in(int folder, const char *file, const char *name, void *value, size_t size);

#endif
