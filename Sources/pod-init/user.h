// Users of the pod.

#ifndef USER_H
#define USER_H

#include <sys/types.h>

#define USER_GROUPS_MAX 64

struct identity {
    uid_t uid;
    gid_t gid;
    gid_t groups[USER_GROUPS_MAX];
    size_t group_count;
    char home[256];  // "/" when the user has no entry
};

/// Looks `name` up, or `uid` when `name` is empty. Returns 0, or ENOENT for an unknown name, or why the file could
/// not be read. May block on a file of the pod: call it in the child only.
int user_resolve(const char *name, uid_t uid, gid_t gid, struct identity *identity);

#endif
