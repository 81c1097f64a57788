#include "CLinuxFiles.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static int checked(int result) {
    return result < 0 ? -errno : result;
}

int csys_open(const char *path, int flags, mode_t mode) {
    int fd;
    do fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return checked(fd);
}

int csys_memory_file(const char *name) {
    return checked(memfd_create(name, MFD_CLOEXEC));
}

int csys_open_at(int folder, const char *name, int flags, mode_t mode) {
    int fd;
    do fd = openat(folder, name, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return checked(fd);
}

int csys_syncfs(int fd) {
    return checked(syncfs(fd));
}

int csys_flock(int fd, int operation) {
    int result;
    do result = flock(fd, operation);
    while (result < 0 && errno == EINTR);
    return checked(result);
}

int csys_statfs(const char *path, uint64_t *free_bytes, int64_t *type) {
    struct statfs state;
    if (statfs(path, &state) < 0) return -errno;
    *free_bytes = (uint64_t)state.f_bavail * (uint64_t)state.f_bsize;
    *type = (int64_t)state.f_type;
    return 0;
}

// nftw takes no argument for its callback.
static __thread uint64_t tree_allocated, tree_content;

static int add_size(const char *path, const struct stat *state, int type, struct FTW *place) {
    (void)path, (void)place;
    if (type == FTW_NS) return 0;
    tree_allocated += (uint64_t)state->st_blocks * 512;
    if (S_ISREG(state->st_mode)) tree_content += (uint64_t)state->st_size;
    return 0;
}

int csys_tree_bytes(const char *path, uint64_t *allocated, uint64_t *content) {
    tree_allocated = tree_content = 0;
    int result = checked(nftw(path, add_size, 16, FTW_PHYS | FTW_MOUNT));
    *allocated = tree_allocated;
    *content = tree_content;
    return result;
}

int csys_start_write_back(int fd, int64_t offset, int64_t count) {
    return checked(sync_file_range(fd, offset, count, SYNC_FILE_RANGE_WRITE));
}

void csys_populate(const void *bytes, size_t count) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)bytes / page * page;
    (void)madvise((void *)start, (uintptr_t)bytes + count - start, MADV_POPULATE_READ);
}

int csys_set_direct(int fd, int direct) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0) return checked(flags);
    return checked(fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT));
}

int csys_rename_new(const char *from, const char *to) {
    return checked(renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE));
}

int csys_exchange(int from_folder, const char *from, int to_folder, const char *to) {
    return checked(renameat2(from_folder, from, to_folder, to, RENAME_EXCHANGE));
}

static ssize_t checked_size(ssize_t result) {
    return result < 0 ? -errno : result;
}

ssize_t csys_list_attributes(int fd, char *names, size_t size) {
    return checked_size(flistxattr(fd, names, size));
}

ssize_t csys_get_attribute(int fd, const char *name, void *value, size_t size) {
    return checked_size(fgetxattr(fd, name, value, size));
}

int csys_put_attribute(int fd, const char *name, const void *value, size_t size) {
    return checked(fsetxattr(fd, name, value, size, 0));
}

int csys_remove_attribute(int fd, const char *name) {
    return checked(fremovexattr(fd, name));
}

ssize_t csys_get_attribute_in(int folder, const char *file, const char *name, void *value, size_t size) {
    // There is no lgetxattrat before Linux 6.13.
    char path[32 + NAME_MAX + 1];
    if (snprintf(path, sizeof path, "/proc/self/fd/%d/%s", folder, file) >= (int)sizeof path) return -ENAMETOOLONG;
    return checked_size(lgetxattr(path, name, value, size));
}

int csys_set_attribute(const char *path, const char *name, const void *value, size_t size) {
    return checked(lsetxattr(path, name, value, size, 0));
}

/// What this thread's files belong to, and what it may do with others', as it was before.
struct owner {
    uid_t user;
    gid_t group;
    struct __user_cap_data_struct capabilities[_LINUX_CAPABILITY_U32S_3];
};

static void be_owner_no_more(const struct owner *before) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    setfsuid(before->user);
    setfsgid(before->group);
    syscall(SYS_capset, &header, before->capabilities);
}

/// From now on what this thread makes belongs to `id`, and it may do with files what root may. 0, or -errno and nothing has
/// changed.
static int become_owner(uint32_t id, struct owner *before) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    if (syscall(SYS_capget, &header, before->capabilities) < 0) return -errno;
    struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3];
    memcpy(all, before->capabilities, sizeof all);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) all[i].effective = all[i].permitted;
    // Of this thread only: glibc has no wrapper that would tell the others. It takes away what root may.
    before->group = (gid_t)setfsgid(id);
    before->user = (uid_t)setfsuid(id);
    int result = checked((int)syscall(SYS_capset, &header, all));
    if (result < 0) be_owner_no_more(before);
    return result;
}

int csys_make_file_as(uint32_t id, int folder, const char *name) {
    struct owner before;
    int result = become_owner(id, &before);
    if (result < 0) return result;
    result = checked(openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    be_owner_no_more(&before);
    return result;
}

int csys_rename_as(uint32_t id, int folder, const char *name, const char *new_name) {
    struct owner before;
    int result = become_owner(id, &before);
    if (result < 0) return result;
    result = checked(renameat(folder, name, folder, new_name));
    be_owner_no_more(&before);
    return result;
}

int csys_make_folder_as(uint32_t id, int folder, const char *name, mode_t mode) {
    struct owner before;
    int result = become_owner(id, &before);
    if (result < 0) return result;
    result = mkdirat(folder, name, mode) < 0 && errno != EEXIST ? -errno : 0;
    // What the umask took away.
    if (result == 0 && fchmodat(folder, name, mode, 0) < 0) result = -errno;
    be_owner_no_more(&before);
    return result;
}
