// The ALSA control device of a pod: a card without controls.
//
// Volume is the host's business, so there is nothing to set. But programs that ask for a card before they ask for a PCM
// (RtAudio, mixers) take a default device without one for no device at all.
#include <alsa/asoundlib.h>
#include <alsa/control_external.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int count_elements(snd_ctl_ext_t *ext) {
    (void)ext;
    return 0;
}

static int name_element(snd_ctl_ext_t *ext, unsigned int offset, snd_ctl_elem_id_t *id) {
    (void)ext, (void)offset, (void)id;
    return -EINVAL;
}

static snd_ctl_ext_key_t find_element(snd_ctl_ext_t *ext, const snd_ctl_elem_id_t *id) {
    (void)ext, (void)id;
    return SND_CTL_EXT_KEY_NOT_FOUND;
}

static int read_event(snd_ctl_ext_t *ext, snd_ctl_elem_id_t *id, unsigned int *mask) {
    (void)ext, (void)id, (void)mask;
    return -EAGAIN;
}

static void close_card(snd_ctl_ext_t *ext) {
    close(ext->poll_fd);
    free(ext);
}

static const snd_ctl_ext_callback_t callbacks = {
    .close = close_card,
    .elem_count = count_elements,
    .elem_list = name_element,
    .find_elem = find_element,
    .read_event = read_event,
};

static int check_configuration(snd_config_t *configuration) {
    snd_config_iterator_t i, next;
    snd_config_for_each(i, next, configuration) {
        const char *id;
        if (snd_config_get_id(snd_config_iterator_entry(i), &id) < 0) continue;
        if (!strcmp(id, "comment") || !strcmp(id, "type") || !strcmp(id, "hint")) continue;
        SNDERR("mediapod: unknown field %s; a control device has none", id);
        return -EINVAL;
    }
    return 0;
}

#pragma GCC visibility push(default)
SND_CTL_PLUGIN_DEFINE_FUNC(mediapod) {
    (void)root;
    int error = check_configuration(conf);
    if (error < 0) return error;
    snd_ctl_ext_t *ext = calloc(1, sizeof *ext);
    if (!ext) return -ENOMEM;
    *ext = (snd_ctl_ext_t){
        .version = SND_CTL_EXT_VERSION,
        .id = "MediaPod",
        .driver = "MediaPod",
        .name = "MediaPod",
        .longname = "MediaPod, the sound of the session's host",
        .mixername = "MediaPod",
        // Never readable: some event loops do not take the -1 that would say the same.
        .poll_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .callback = &callbacks,
    };
    error = ext->poll_fd < 0 ? -errno : snd_ctl_ext_create(ext, name, mode);
    if (error < 0) {
        if (ext->poll_fd >= 0) close(ext->poll_fd);
        free(ext);
        return error;
    }
    *handlep = ext->handle;
    return 0;
}

SND_CTL_PLUGIN_SYMBOL(mediapod);
#pragma GCC visibility pop
