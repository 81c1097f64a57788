#include "configure.h"

#include <errno.h>
#include <string.h>

static const char default_socket[] = "/run/mediapod/sound";

int configured_socket(snd_config_t *configuration, const char **path) {
    *path = default_socket;
    snd_config_iterator_t i, next;
    snd_config_for_each(i, next, configuration) {
        snd_config_t *entry = snd_config_iterator_entry(i);
        const char *id;
        if (snd_config_get_id(entry, &id) < 0) continue;
        if (!strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint")) continue;
        if (!strcmp(id, "socket")) {
            if (snd_config_get_string(entry, path) < 0) {
                SNDERR("mediapod: 'socket' must be a string, the path of the broker's socket");
                return -EINVAL;
            }
            continue;
        }
        SNDERR("mediapod: unknown field %s; there is only 'socket'", id);
        return -EINVAL;
    }
    return 0;
}
