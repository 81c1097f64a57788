// The connection with the sound broker: a socket that may break and come back at any time, and the thread that
// keeps it. What the broker is to know is kept here and told again to every new broker.
#ifndef MEDIAPOD_LINK_H
#define MEDIAPOD_LINK_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/un.h>

#include "SoundABI.h"

struct link {
    // Set before the thread runs, constant afterwards.
    struct sockaddr_un address;
    struct sound_hello hello;
    int wake_reader; // the program polls this one
    int wake_writer; // this end is written: by the broker, and here when there is no broker to do it
    int stop_event;  // ends the thread, or makes it look at `unsent`
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    // Below: under the lock.
    bool stopping;
    int socket;    // -1 while there is no broker
    bool welcomed; // by this broker
    int refused;   // the errno with which a broker refused us, or 0
    char refusal[sizeof((struct sound_refused *)0)->reason];
    bool unsent;   // something did not fit into the socket: all is told again when there is room
    bool known;    // `welcome` is filled
    struct sound_welcome welcome;
    bool heard_volume; // a mixer was told how loud the pod is
    struct sound_volume volume;
    bool volume_untold;     // the program set it, and no broker has heard of that yet
    uint32_t volume_serial; // counts what this broker was told of it
    bool configured;
    int ring; // the memfd, -1 before hw_params
    struct sound_configure configure;
    struct sound_trigger trigger;
};

/// Connects to the broker at `path` and waits up to `timeout_ms` for its welcome. 0, or -errno: then there is
/// nothing to close, and `refusal` says more where a broker refused.
int link_open(struct link *link, const char *path, enum sound_direction direction, int timeout_ms);

/// Says farewell to the broker, ends the thread and closes everything, the ring too.
void link_close(struct link *link);

/// Closes what a forked child inherited, without a word to the broker, whose client is the parent.
void link_abandon(struct link *link);

/// Takes ownership of the memfd `ring`.
void link_configure(struct link *link, const struct sound_configure *configure, int ring);
void link_sw_params(struct link *link, const struct sound_sw_params *sw);
void link_trigger(struct link *link, enum sound_state state, uint32_t epoch, uint64_t base);
/// Tells a broker that waits for frames that there are some.
void link_kick(struct link *link);
/// Frames from `position` on are written anew.
void link_rewind(struct link *link, uint64_t position);
void link_channels(struct link *link, const uint8_t positions[SOUND_MAX_CHANNELS]);
/// What hw_params may be now.
struct sound_welcome link_offer(struct link *link);

/// A mixer's: how loud the pod is. A mixer's link opens only when the broker has said so.
void link_volume(struct link *link, struct sound_volume *volume);
/// A mixer's: says how loud the pod shall be. Where there is no broker to hear it, the next one is told.
void link_set_volume(struct link *link, const struct sound_volume *volume);

/// Makes the program's poll return.
void link_wake(struct link *link);
/// Takes back what made it return.
void link_clear_wake(struct link *link);

#endif
