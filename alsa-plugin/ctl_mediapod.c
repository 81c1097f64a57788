// The pod's mixer as an ALSA control device: how loud the pod plays and records, which the sound broker on the host
// makes so, and which moves with the pod.
//
// alsa-lib calls everything here from the program's threads; what the broker says arrives on the link's own.
#include <alsa/asoundlib.h>
#include <alsa/control_external.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "configure.h"
#include "link.h"

// Names that alsa-lib's simple mixer makes `Master` and `Capture` of.
enum element { PLAYBACK_VOLUME, PLAYBACK_SWITCH, CAPTURE_VOLUME, CAPTURE_SWITCH, ELEMENTS };
static const char *const element_names[ELEMENTS] = {
    [PLAYBACK_VOLUME] = "Master Playback Volume",
    [PLAYBACK_SWITCH] = "Master Playback Switch",
    [CAPTURE_VOLUME] = "Capture Volume",
    [CAPTURE_SWITCH] = "Capture Switch",
};

struct mediapod_ctl {
    snd_ctl_ext_t ext;
    struct link link;
    pid_t owner;                // the process that opened it; a forked child has no thread and no broker
    struct sound_volume notified; // what the program has been told by events
};

static bool is_usable(const struct mediapod_ctl *ctl) {
    return ctl->owner == getpid();
}

static bool is_switch(snd_ctl_ext_key_t key) {
    return key == PLAYBACK_SWITCH || key == CAPTURE_SWITCH;
}

// The field that an element shows.
static uint32_t *field(struct sound_volume *volume, snd_ctl_ext_key_t key) {
    switch (key) {
    case PLAYBACK_VOLUME: return &volume->playback;
    case PLAYBACK_SWITCH: return &volume->playback_muted;
    case CAPTURE_VOLUME: return &volume->capture;
    default: return &volume->capture_muted;
    }
}

static int mediapod_elem_count(snd_ctl_ext_t *ext) {
    (void)ext;
    return ELEMENTS;
}

static int mediapod_elem_list(snd_ctl_ext_t *ext, unsigned int offset, snd_ctl_elem_id_t *id) {
    (void)ext;
    if (offset >= ELEMENTS) return -EINVAL;
    snd_ctl_elem_id_set_interface(id, SND_CTL_ELEM_IFACE_MIXER);
    snd_ctl_elem_id_set_name(id, element_names[offset]);
    return 0;
}

static snd_ctl_ext_key_t mediapod_find_elem(snd_ctl_ext_t *ext, const snd_ctl_elem_id_t *id) {
    (void)ext;
    const char *name = snd_ctl_elem_id_get_name(id);
    if (snd_ctl_elem_id_get_index(id) != 0) return SND_CTL_EXT_KEY_NOT_FOUND;
    for (snd_ctl_ext_key_t key = 0; key < ELEMENTS; key++)
        if (!strcmp(name, element_names[key])) return key;
    return SND_CTL_EXT_KEY_NOT_FOUND;
}

static int mediapod_get_attribute(
    snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, int *type, unsigned int *access, unsigned int *count) {
    (void)ext;
    *type = is_switch(key) ? SND_CTL_ELEM_TYPE_BOOLEAN : SND_CTL_ELEM_TYPE_INTEGER;
    *access = SND_CTL_EXT_ACCESS_READWRITE;
    if (!is_switch(key)) *access |= SND_CTL_EXT_ACCESS_TLV_READ;
    *count = 1;
    return 0;
}

// Linear, so that amixer's per cent are podaudio's and half is half; with it the scale of decibels below, by which
// alsamixer and PulseAudio make of it what ears find even.
static int mediapod_get_integer_info(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *min, long *max, long *step) {
    (void)ext, (void)key;
    *min = 0;
    *max = SOUND_VOLUME_UNITY;
    *step = 1;
    return 0;
}

static const unsigned int decibels[] = {
    SND_CTL_TLVT_DB_LINEAR, 2 * sizeof(unsigned int), (unsigned int)SND_CTL_TLV_DB_GAIN_MUTE, 0,
};

static int mediapod_read_integer(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *value) {
    struct mediapod_ctl *ctl = ext->private_data;
    if (!is_usable(ctl)) return -ENODEV;
    struct sound_volume volume;
    link_volume(&ctl->link, &volume);
    uint32_t read = *field(&volume, key);
    // ALSA's switch is on where sound passes.
    if (is_switch(key)) *value = read == 0;
    else *value = read < SOUND_VOLUME_UNITY ? read : SOUND_VOLUME_UNITY;
    return 0;
}

static int mediapod_write_integer(snd_ctl_ext_t *ext, snd_ctl_ext_key_t key, long *value) {
    struct mediapod_ctl *ctl = ext->private_data;
    if (!is_usable(ctl)) return -ENODEV;
    uint32_t wanted;
    if (is_switch(key)) wanted = *value == 0;
    else if (*value < 0 || *value > (long)SOUND_VOLUME_UNITY) return -EINVAL;
    else wanted = (uint32_t)*value;
    struct sound_volume volume;
    link_volume(&ctl->link, &volume);
    if (*field(&volume, key) == wanted) return 0;
    *field(&volume, key) = wanted;
    link_set_volume(&ctl->link, &volume);
    // As with a card, whoever changes something hears of it too.
    if (ext->subscribed) link_wake(&ctl->link);
    return 1;
}

static void mediapod_subscribe_events(snd_ctl_ext_t *ext, int subscribe) {
    struct mediapod_ctl *ctl = ext->private_data;
    if (!is_usable(ctl) || !subscribe) return;
    link_clear_wake(&ctl->link);
    link_volume(&ctl->link, &ctl->notified);
}

// The next element that is not as the program was last told.
static bool next_change(struct mediapod_ctl *ctl, snd_ctl_elem_id_t *id) {
    struct sound_volume volume;
    link_volume(&ctl->link, &volume);
    for (snd_ctl_ext_key_t key = 0; key < ELEMENTS; key++) {
        if (*field(&ctl->notified, key) == *field(&volume, key)) continue;
        *field(&ctl->notified, key) = *field(&volume, key);
        mediapod_elem_list(&ctl->ext, (unsigned int)key, id);
        snd_ctl_elem_id_set_numid(id, (unsigned int)key + 1);
        return true;
    }
    return false;
}

static int mediapod_read_event(snd_ctl_ext_t *ext, snd_ctl_elem_id_t *id, unsigned int *event_mask) {
    struct mediapod_ctl *ctl = ext->private_data;
    if (!is_usable(ctl)) return -ENODEV;
    if (!ext->subscribed) return -EAGAIN;
    bool changed = next_change(ctl, id);
    if (!changed) {
        link_clear_wake(&ctl->link);
        // What changed between looking and clearing has lost its wake-up.
        changed = next_change(ctl, id);
        if (!changed) return -EAGAIN;
        link_wake(&ctl->link);
    }
    *event_mask = SND_CTL_EVENT_MASK_VALUE;
    return 1;
}

static void mediapod_close(snd_ctl_ext_t *ext) {
    struct mediapod_ctl *ctl = ext->private_data;
    if (is_usable(ctl)) link_close(&ctl->link);
    else link_abandon(&ctl->link);
    free(ctl);
}

static const snd_ctl_ext_callback_t callbacks = {
    .close = mediapod_close,
    .elem_count = mediapod_elem_count,
    .elem_list = mediapod_elem_list,
    .find_elem = mediapod_find_elem,
    .get_attribute = mediapod_get_attribute,
    .get_integer_info = mediapod_get_integer_info,
    .read_integer = mediapod_read_integer,
    .write_integer = mediapod_write_integer,
    .subscribe_events = mediapod_subscribe_events,
    .read_event = mediapod_read_event,
};

// The two symbols that alsa-lib looks for; everything else is hidden from the program.
#pragma GCC visibility push(default)
SND_CTL_PLUGIN_DEFINE_FUNC(mediapod) {
    (void)root;
    const char *path;
    int error = read_configuration(conf, &path, NULL);
    if (error < 0) return error;
    struct mediapod_ctl *ctl = calloc(1, sizeof *ctl);
    if (!ctl) return -ENOMEM;
    error = link_open(&ctl->link, path, SOUND_MIXER, OPEN_TIMEOUT_MS);
    if (error < 0) {
        SNDERR("mediapod: no sound broker at %s: %s", path,
               ctl->link.refused ? ctl->link.refusal : snd_strerror(error));
        free(ctl);
        return error;
    }
    ctl->owner = getpid();
    ctl->ext = (snd_ctl_ext_t){
        .version = SND_CTL_EXT_VERSION,
        .card_idx = -1, // none of the kernel's
        .id = "MediaPod",
        .driver = "MediaPod",
        .name = "MediaPod",
        .longname = "MediaPod",
        .mixername = "MediaPod",
        .poll_fd = ctl->link.wake_reader,
        .callback = &callbacks,
        .private_data = ctl,
        .tlv.p = decibels,
    };
    error = snd_ctl_ext_create(&ctl->ext, name, mode);
    if (error < 0) {
        link_close(&ctl->link);
        free(ctl);
        return error;
    }
    *handlep = ctl->ext.handle;
    return 0;
}

SND_CTL_PLUGIN_SYMBOL(mediapod);
#pragma GCC visibility pop
