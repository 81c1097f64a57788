#include "CLinux.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int csys_has_capability(int number) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct held[_LINUX_CAPABILITY_U32S_3];
    if (number < 0 || number >= 64 || syscall(SYS_capget, &header, held) < 0) return 0;
    return held[number / 32].effective >> number % 32 & 1;
}

int csys_become_user(uid_t uid, gid_t gid) {
    if (geteuid() == 0 && uid != 0) {
        // The user's other groups give access to the sound card (audio) where no login manager does.
        const struct passwd *user = getpwuid(uid);
        int grouped = user ? initgroups(user->pw_name, gid) : setgroups(0, NULL);
        if (grouped < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) return -errno;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];
    memset(none, 0, sizeof none);
    if (syscall(SYS_capset, &header, none) < 0) return -errno;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}
