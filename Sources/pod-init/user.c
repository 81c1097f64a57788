// /etc/passwd and /etc/group are read here and not by getpwnam: a static program would load the NSS modules of
// whatever libc the pod has.

#include "user.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Splits at colons, in place; returns how many fields there are.
static size_t split(char *line, char **fields, size_t limit)
{
    size_t count = 0;
    line[strcspn(line, "\n")] = '\0';
    while (line != NULL && count < limit)
        fields[count++] = strsep(&line, ":");
    return count;
}

static bool parse_id(const char *text, uint32_t *id)
{
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    // (uid_t)-1 means "leave as it is" to setresuid.
    if (errno != 0 || *end != '\0' || value >= UINT32_MAX)
        return false;
    *id = (uint32_t)value;
    return true;
}

static bool is_member(char *members, const char *name)
{
    for (char *member; (member = strsep(&members, ",")) != NULL;)
        if (strcmp(member, name) == 0)
            return true;
    return false;
}

static void collect_groups(const char *name, struct identity *identity)
{
    FILE *file = fopen("/etc/group", "re");
    if (file == NULL)
        return;
    char *line = NULL;
    size_t size = 0;
    while (identity->group_count < USER_GROUPS_MAX && getline(&line, &size, file) > 0) {
        char *fields[4];
        uint32_t gid;
        if (split(line, fields, 4) == 4 && parse_id(fields[2], &gid) && is_member(fields[3], name))
            identity->groups[identity->group_count++] = gid;
    }
    free(line);
    fclose(file);
}

int user_resolve(const char *name, uid_t uid, gid_t gid, struct identity *identity)
{
    *identity = (struct identity){.uid = uid, .gid = gid, .home = "/"};

    bool found = false;
    FILE *file = fopen("/etc/passwd", "re");
    if (file == NULL)
        return name[0] != '\0' ? errno : 0;
    char *line = NULL;
    size_t size = 0;
    while (!found && getline(&line, &size, file) > 0) {
        char *fields[7];
        uint32_t entry_uid, entry_gid;
        if (split(line, fields, 7) < 6 || !parse_id(fields[2], &entry_uid) || !parse_id(fields[3], &entry_gid))
            continue;
        if (name[0] != '\0' ? strcmp(fields[0], name) != 0 : entry_uid != uid)
            continue;
        found = true;
        if (name[0] != '\0') {
            identity->uid = entry_uid;
            identity->gid = entry_gid;
        }
        if (fields[5][0] == '/' && strlen(fields[5]) < sizeof identity->home)
            strcpy(identity->home, fields[5]);
    }
    free(line);
    fclose(file);

    if (name[0] == '\0')
        return 0;
    if (!found)
        return ENOENT;
    collect_groups(name, identity);
    return 0;
}
