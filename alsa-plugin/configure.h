// What both plugins read of ALSA's configuration.
#ifndef MEDIAPOD_CONFIGURE_H
#define MEDIAPOD_CONFIGURE_H

#include <alsa/asoundlib.h>
#include <stdbool.h>

// A broker that is being restarted, or a session that is being resumed, is back long before this.
enum { OPEN_TIMEOUT_MS = 10000 };

/// The path of the broker's socket, which lives as long as the configuration; and of a PCM, elsewhere NULL, whether what
/// was written is heard to its end when it is stopped. 0, or -EINVAL, which has been reported.
int read_configuration(snd_config_t *configuration, const char **path, bool *lingers);

#endif
