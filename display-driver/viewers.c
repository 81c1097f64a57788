// Who looks on: the viewer slots, their leases, and what they ask for.
#include "driver.h"

#include <errno.h>
#include <string.h>

// How often the leases are looked at: often when somebody holds a key down, and rarely when all rest, ms.
enum { LOOK_MS = DISPLAY_LEASE_MS / 2, LOOK_HELD_MS = DISPLAY_LEASE_MS / 8, LOOK_REST_MS = DISPLAY_REST_LEASE_MS / 2 };

// When this process began, as the kernel counts it: a restored process has begun later than the one that was dumped.
// 0 where /proc cannot be read.
static uint64_t process_birth(void) {
    char text[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file) return 0;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    // The name, the second field, may have anything in it: fields are counted from its closing bracket.
    const char *at = strrchr(text, ')');
    unsigned long long birth = 0;
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &birth) != 1)
        return 0;
    return birth;
}

static struct display_viewer *slot_of(struct driver *driver, uint32_t slot) { return &driver->object->viewers[slot]; }

static void echo(uint32_t *word, uint32_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

// In a restored server every viewer that was there is gone, and its slot's memory still says otherwise.
static void look_for_restore(struct driver *driver) {
    uint64_t birth = process_birth();
    if (birth == driver->birth) return;
    driver->birth = birth;
    __atomic_fetch_add(&driver->object->server.epoch, 1, __ATOMIC_SEQ_CST);
    object_tell(driver);
    xf86DrvMsg(driver->scrn->scrnIndex, X_INFO, "restored: epoch %llu\n",
        (unsigned long long)driver->object->server.epoch);
    for (uint32_t n = 0; n < DISPLAY_VIEWERS; n++) {
        // One that is attached to the restored object already has a number of its own, and stays.
        uint32_t gone = driver->viewers[n].owner;
        if (gone != 0) display_viewer_release(slot_of(driver, n), gone);
    }
}

static void attach(struct driver *driver, uint32_t slot, uint32_t owner, CARD32 now) {
    struct viewer *viewer = &driver->viewers[slot];
    viewer->owner = owner;
    viewer->heartbeat = display_load(&slot_of(driver, slot)->heartbeat);
    viewer->seen = now;
    viewer->keymap = 0; // the serials are its own
    viewer->layout = 0;
    struct display_echo *echoes = &driver->object->server.echoes[slot];
    echo(&echoes->heartbeat, viewer->heartbeat);
    echo(&echoes->layout, 0);
    echo(&echoes->keymap, 0);
    echo(&echoes->owner, owner);
    object_tell(driver);
}

static void detach(struct driver *driver, uint32_t slot) {
    struct viewer *viewer = &driver->viewers[slot];
    input_release(driver, slot);
    viewer->owner = 0;
    echo(&driver->object->server.echoes[slot].owner, 0);
    object_tell(driver);
}

static void look_at_layout(struct driver *driver, uint32_t slot) {
    struct viewer *viewer = &driver->viewers[slot];
    struct display_viewer *from = slot_of(driver, slot);
    struct display_layout layout;
    if (!display_record_read(&from->layout_sequence, &from->layout, &layout, sizeof layout, NULL)) return;
    if (layout.owner != viewer->owner || layout.serial == viewer->layout) return;
    viewer->layout = layout.serial;
    int error = layout.serial == 0 ? 0 : outputs_apply(driver, &layout);
    struct display_echo *echoes = &driver->object->server.echoes[slot];
    __atomic_store_n(&echoes->layout_error, error, __ATOMIC_RELAXED);
    echo(&echoes->layout, layout.serial);
    object_tell(driver);
}

static Bool holds_something(const struct viewer *viewer) {
    static const uint8_t none[sizeof viewer->keys];
    return viewer->buttons != 0 || memcmp(viewer->keys, none, sizeof none) != 0;
}

static Bool rests(const struct driver *driver, uint32_t slot) {
    uint32_t flags = display_load(&driver->object->viewers[slot].flags);
    return flags & DISPLAY_VIEWER_RESTS && !holds_something(&driver->viewers[slot]);
}

// FALSE when it has more to say than is heard at once.
static Bool look_at_slot(struct driver *driver, uint32_t slot, CARD32 now) {
    struct viewer *viewer = &driver->viewers[slot];
    struct display_viewer *from = slot_of(driver, slot);
    uint32_t owner = display_load(&from->owner);
    Bool all = TRUE;
    if (viewer->owner != 0 && owner != viewer->owner) {
        // It left; what it said before it did still counts.
        if (owner == 0) all = input_take(driver, slot);
        if (!all) return FALSE;
        detach(driver, slot);
    }
    if (owner == 0) {
        input_drop(driver, slot);
        return TRUE;
    }
    if (viewer->owner == 0) {
        look_for_restore(driver);
        attach(driver, slot, owner, now);
    }
    // Looked at before the heartbeat: who rests no longer counts it up first.
    uint32_t lease = rests(driver, slot) ? DISPLAY_REST_LEASE_MS : DISPLAY_LEASE_MS;
    uint32_t heartbeat = display_load(&from->heartbeat);
    if (heartbeat != viewer->heartbeat) {
        viewer->heartbeat = heartbeat;
        viewer->seen = now;
        echo(&driver->object->server.echoes[slot].heartbeat, heartbeat);
    } else if (now - viewer->seen >= lease) {
        look_for_restore(driver);
        display_viewer_release(from, owner);
        detach(driver, slot);
        input_drop(driver, slot);
        return TRUE;
    }
    look_at_layout(driver, slot);
    keymap_look(driver, slot);
    return input_take(driver, slot);
}

static void look_at_all(struct driver *driver) {
    CARD32 now = GetTimeInMillis();
    Bool all = TRUE, flat = FALSE;
    for (uint32_t n = 0; n < DISPLAY_VIEWERS; n++) {
        if (!look_at_slot(driver, n, now)) all = FALSE;
        if (driver->viewers[n].owner != 0 && display_load(&slot_of(driver, n)->flags) & DISPLAY_VIEWER_FLAT) flat = TRUE;
    }
    input_flush(driver);
    Bool was_flat = driver->flat;
    driver->flat = flat;
    if (flat && !was_flat) video_flatten(driver);
    vblank_rate(driver, viewers_refresh(driver));
    if (!all) doorbell_again(driver);
}

static CARD32 lease_timer(OsTimerPtr timer, CARD32 now, void *data) {
    (void)timer;
    (void)now;
    struct driver *driver = data;
    look_at_all(driver);
    CARD32 next = 0; // no viewer, no timer: an idle pod sleeps
    for (uint32_t n = 0; n < DISPLAY_VIEWERS; n++) {
        const struct viewer *viewer = &driver->viewers[n];
        if (viewer->owner == 0) continue;
        CARD32 soon = holds_something(viewer) ? LOOK_HELD_MS : rests(driver, n) ? LOOK_REST_MS : LOOK_MS;
        if (next == 0 || soon < next) next = soon;
    }
    return next;
}

static void rung(struct driver *driver) {
    // Looks, and sets the timer anew.
    driver->lease_timer = TimerSet(driver->lease_timer, 0, 1, lease_timer, driver);
    TimerForce(driver->lease_timer);
}

uint32_t viewers_refresh(const struct driver *driver) {
    uint32_t highest = 0;
    for (uint32_t n = 0; n < DISPLAY_VIEWERS; n++) {
        if (driver->viewers[n].owner == 0) continue;
        uint32_t refresh = display_load(&driver->object->viewers[n].refresh_mhz);
        if (refresh >= DISPLAY_MIN_REFRESH_MHZ && refresh <= DISPLAY_MAX_REFRESH_MHZ && refresh > highest)
            highest = refresh;
    }
    return highest ? highest : DISPLAY_DEFAULT_REFRESH_MHZ;
}

uint32_t viewers_holds(const struct driver *driver, uint32_t port) {
    uint32_t holds = 0;
    for (uint32_t n = 0; n < DISPLAY_VIEWERS; n++)
        if (driver->viewers[n].owner != 0) holds |= display_load(&driver->object->viewers[n].holds[port]);
    return holds;
}

Bool viewers_start(struct driver *driver) {
    driver->birth = process_birth();
    memset(driver->viewers, 0, sizeof driver->viewers);
    return doorbell_start(driver, rung);
}

void viewers_stop(struct driver *driver) {
    doorbell_stop(driver);
    TimerFree(driver->lease_timer);
    driver->lease_timer = NULL;
}
