#include "saying.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sound_header link_header(enum sound_message_type type, size_t bytes) {
    return (struct sound_header){.magic = SOUND_ABI_MAGIC, .type = (uint16_t)type, .bytes = (uint16_t)bytes};
}

void link_poke_thread(struct link *link) {
    uint64_t one = 1;
    ssize_t ignored = write(link->stop_event, &one, sizeof one);
    (void)ignored; // full: it has been told
}

bool link_send(struct link *link, const void *message, size_t bytes, const int *fds, size_t fd_count) {
    if (link->socket < 0 || !link->welcomed) return true; // told when there is somebody to tell
    struct iovec vector = {.iov_base = (void *)message, .iov_len = bytes};
    union {
        char buffer[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct msghdr packet = {.msg_iov = &vector, .msg_iovlen = 1};
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        packet.msg_control = control.buffer;
        packet.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(link->socket, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)bytes;
}

// Under the lock.
static bool send_volume(struct link *link) {
    if (!link->welcomed) return true;
    link->volume.serial = link->volume_serial + 1;
    if (!link_send(link, &link->volume, sizeof link->volume, NULL, 0)) return false;
    link->volume_serial++;
    link->volume_untold = false;
    return true;
}

void link_tell_everything(struct link *link) {
    link->unsent = false;
    if (link->volume_untold && !send_volume(link)) link->unsent = true;
    if (!link->configured) return;
    const int fds[2] = {link->ring, link->wake_writer};
    if (!link_send(link, &link->configure, sizeof link->configure, fds, 2) ||
        !link_send(link, &link->trigger, sizeof link->trigger, NULL, 0))
        link->unsent = true;
}

// Under the lock.
static void tell(struct link *link, const void *message, size_t bytes) {
    if (link->unsent) return; // what is waiting includes it
    if (link_send(link, message, bytes, NULL, 0)) return;
    link->unsent = true;
    link_poke_thread(link);
}

void link_configure(struct link *link, const struct sound_configure *configure, int ring) {
    pthread_mutex_lock(&link->lock);
    if (link->ring >= 0) close(link->ring);
    link->ring = ring;
    link->configure = *configure;
    link->configure.header = link_header(SOUND_CONFIGURE, sizeof link->configure);
    link->configured = true;
    link->trigger = (struct sound_trigger){
        .header = link_header(SOUND_TRIGGER, sizeof link->trigger),
        .state = SOUND_STATE_SETUP,
        .epoch = link->trigger.epoch,
        .base = link->trigger.base,
    };
    link_tell_everything(link);
    if (link->unsent) link_poke_thread(link);
    pthread_mutex_unlock(&link->lock);
}

void link_sw_params(struct link *link, const struct sound_sw_params *sw) {
    struct sound_sw_message message = {.header = link_header(SOUND_SW_PARAMS, sizeof message), .sw = *sw};
    pthread_mutex_lock(&link->lock);
    link->configure.sw = *sw;
    if (link->configured) tell(link, &message, sizeof message);
    pthread_mutex_unlock(&link->lock);
}

void link_trigger(struct link *link, enum sound_state state, uint32_t epoch, uint64_t base) {
    pthread_mutex_lock(&link->lock);
    link->trigger.state = state;
    link->trigger.epoch = epoch;
    link->trigger.base = base;
    if (link->configured) tell(link, &link->trigger, sizeof link->trigger);
    pthread_mutex_unlock(&link->lock);
}

void link_kick(struct link *link) {
    struct sound_header message = link_header(SOUND_KICK, sizeof message);
    pthread_mutex_lock(&link->lock);
    tell(link, &message, sizeof message);
    pthread_mutex_unlock(&link->lock);
}

void link_rewind(struct link *link, uint64_t position) {
    struct sound_rewind message = {.header = link_header(SOUND_REWIND, sizeof message), .position = position};
    pthread_mutex_lock(&link->lock);
    tell(link, &message, sizeof message);
    pthread_mutex_unlock(&link->lock);
}

void link_channels(struct link *link, const uint8_t positions[SOUND_MAX_CHANNELS]) {
    struct sound_channels message = {.header = link_header(SOUND_CHANNELS, sizeof message)};
    memcpy(message.positions, positions, SOUND_MAX_CHANNELS);
    pthread_mutex_lock(&link->lock);
    memcpy(link->configure.positions, positions, SOUND_MAX_CHANNELS);
    if (link->configured) tell(link, &message, sizeof message);
    pthread_mutex_unlock(&link->lock);
}

struct sound_welcome link_offer(struct link *link) {
    pthread_mutex_lock(&link->lock);
    struct sound_welcome welcome = link->welcome;
    pthread_mutex_unlock(&link->lock);
    return welcome;
}

void link_volume(struct link *link, struct sound_volume *volume) {
    pthread_mutex_lock(&link->lock);
    *volume = link->volume;
    pthread_mutex_unlock(&link->lock);
}

void link_set_volume(struct link *link, const struct sound_volume *volume) {
    pthread_mutex_lock(&link->lock);
    link->volume = *volume;
    link->volume.header = link_header(SOUND_VOLUME, sizeof link->volume);
    link->volume_untold = true;
    if (!link->unsent && !send_volume(link)) {
        link->unsent = true;
        link_poke_thread(link);
    }
    pthread_mutex_unlock(&link->lock);
}
