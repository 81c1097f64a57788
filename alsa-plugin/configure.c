#include "configure.h"

#include <errno.h>
#include <string.h>

static const char default_socket[] = "/run/mediapod/sound";

int read_configuration(snd_config_t *configuration, const char **path, bool *lingers) {
    *path = default_socket;
    if (lingers) *lingers = false;
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
        if (lingers && !strcmp(id, "linger")) {
            int value = snd_config_get_bool(entry);
            if (value < 0) {
                SNDERR("mediapod: 'linger' must be yes or no: whether a stop waits until all has been heard");
                return -EINVAL;
            }
            *lingers = value;
            continue;
        }
        SNDERR("mediapod: unknown field %s; there is 'socket', and a PCM's 'linger'", id);
        return -EINVAL;
    }
    return 0;
}
