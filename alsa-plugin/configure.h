// What both plugins read of ALSA's configuration.
#ifndef MEDIAPOD_CONFIGURE_H
#define MEDIAPOD_CONFIGURE_H

#include <alsa/asoundlib.h>

// A broker that is being restarted, or a session that is being resumed, is back long before this.
enum { OPEN_TIMEOUT_MS = 10000 };

/// The path of the broker's socket; it lives as long as the configuration. 0, or -EINVAL, which has been reported.
int configured_socket(snd_config_t *configuration, const char **path);

#endif
