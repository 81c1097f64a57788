// The display driver of a pod: an Xorg video driver whose screen is shared memory, and the input driver that goes with
// it. One screen to a server. Everything here runs in the server's main thread, but for doorbell.c's one.
#ifndef DISPLAY_DRIVER_H
#define DISPLAY_DRIVER_H

#include <xorg-server.h>
// The order matters: Xorg's own headers need these first.
#include <X11/X.h>
#include <X11/Xproto.h>
#include <xf86.h>
#include <xf86Crtc.h>
#include <xf86Cursor.h>
#include <xf86Xinput.h>
#include <xf86xv.h>
#include <X11/extensions/Xv.h>
#include <damage.h>
#include <randrstr.h>

#include "DisplayABI.h"

#define DRIVER_NAME "mediapod"

struct driver;

/// What the driver remembers of a viewer slot.
struct viewer {
    uint32_t owner; // 0: nobody
    uint32_t heartbeat;
    CARD32 seen; // when the heartbeat last moved, ms
    uint32_t tail;
    uint32_t layout; // serials that were answered
    uint32_t keymap;
    uint8_t keys[32];  // that it holds down, a bit each
    uint32_t buttons;
};

/// A video port.
struct port {
    struct driver *driver;
    uint32_t number;
    struct display_video record;
    uint32_t allocated[DISPLAY_VIDEO_BUFFERS]; // bytes
    CARD32 used; // when it last had a frame or was stopped, ms
    Bool shown;
};

/// A cursor of two colours: which of them each pixel has.
struct cursor_bits {
    uint16_t width, height, hot_x, hot_y;
    uint8_t pixels[DISPLAY_MAX_CURSOR * DISPLAY_MAX_CURSOR]; // 0 transparent, 1 background, 2 foreground
};

/// One RandR output; its CRTC has the same number.
struct output {
    Bool connected;
    uint32_t width, height, refresh_mhz; // of the mode it prefers
    uint32_t mm_width, mm_height;
    xf86CrtcPtr crtc;
    xf86OutputPtr output;
};

struct driver {
    ScrnInfoPtr scrn;
    ScreenPtr screen;
    OptionInfoPtr options;

    // object.c
    char *path;
    int file;
    struct display_object *object;
    Bool news;   // something to publish before the server sleeps
    Bool asleep; // or about to be: what happens now is published when it wakes

    // framebuffer.c
    struct {
        uint32_t width, height, stride;
        uint32_t bank;
        uint64_t serial;
        Bool changed; // the record's count is odd until the server sleeps
    } frame;
    DamagePtr damage;
    OsTimerPtr old_bank;

    // outputs.c
    struct output outputs[DISPLAY_OUTPUTS];

    // cursor.c
    xf86CursorInfoPtr cursor_info;
    struct display_cursor cursor;
    struct cursor_bits cursor_bits; // width 0: the image has colours of its own

    // viewers.c, doorbell.c
    struct doorbell *doorbell;
    struct viewer viewers[DISPLAY_VIEWERS];
    OsTimerPtr lease_timer;
    Bool flat;
    uint64_t birth; // of this process as the kernel counts it: changes with a restore

    // input.c, keymap.c
    DeviceIntPtr keyboard, pointer; // NULL while there is none
    ValuatorMask *valuators;        // of the next event; empty in between
    uint32_t queued;                // events that the server was given and may not have dealt with
    uint8_t key_holders[256], button_holders[33];
    uint32_t keymap_owner, keymap_serial;

    // video.c
    struct port ports[DISPLAY_VIDEO_PORTS];
    OsTimerPtr video_timer;
    Bool video_timed;

    // vblank.c
    struct vblank *vblank;

    // What was wrapped.
    CloseScreenProcPtr close_screen;
    CreateScreenResourcesProcPtr create_screen_resources;
    ScreenBlockHandlerProcPtr block_handler;
    ScreenWakeupHandlerProcPtr wakeup_handler;
    SetCursorPositionProcPtr set_cursor_position;
};

/// The one there is, or NULL: input devices have no screen to find it by.
extern struct driver *the_driver;

static inline struct driver *driver_of(ScrnInfoPtr scrn) { return scrn->driverPrivate; }
static inline struct driver *driver_of_screen(ScreenPtr screen) { return driver_of(xf86ScreenToScrn(screen)); }

// screen.c
Bool screen_pre_init(ScrnInfoPtr scrn, int flags);
Bool screen_init(ScreenPtr screen, int argc, char **argv);

// object.c: the shared memory
Bool object_create(struct driver *driver);
void object_destroy(struct driver *driver);
static inline void *object_at(struct driver *driver, uint64_t offset) { return (char *)driver->object + offset; }
/// Sees to it that the bytes can be written without a SIGBUS. 0 or an errno.
int object_allocate(struct driver *driver, uint64_t offset, uint64_t bytes);
/// Gives the memory back; the bytes read as 0.
void object_punch(struct driver *driver, uint64_t offset, uint64_t bytes);
/// Viewers hear of it when the server goes to sleep.
static inline void object_tell(struct driver *driver) { driver->news = TRUE; }
void object_publish(struct driver *driver);

// framebuffer.c: the screen's pixels, their size, and what of them changed
Bool framebuffer_init(struct driver *driver);
Bool framebuffer_create_resources(struct driver *driver);
/// Gives the screen another size, or none and FALSE if there is no room.
Bool framebuffer_resize(struct driver *driver, uint32_t width, uint32_t height);
/// The record of the screen is to be written anew.
void framebuffer_changed(struct driver *driver);
/// The operation that is being carried out has left these pixels as they were.
void framebuffer_unchanged(struct driver *driver, RegionPtr same);
void framebuffer_publish(struct driver *driver);
void framebuffer_close(struct driver *driver);
static inline uint64_t framebuffer_offset(const struct driver *driver) {
    return DISPLAY_FRAME_OFFSET + (uint64_t)driver->frame.bank * DISPLAY_FRAME_BANK_BYTES;
}

// puts.c: large pictures onto the screen
void puts_init(ScreenPtr screen);

// outputs.c: RandR
Bool outputs_pre_init(struct driver *driver, uint32_t width, uint32_t height);
void outputs_describe(struct driver *driver, struct display_screen *screen);
/// 0 or an errno.
int outputs_apply(struct driver *driver, const struct display_layout *layout);

// cursor.c
Bool cursor_init(struct driver *driver);
void cursor_close(struct driver *driver);
/// The pointer's position, which the server tells nobody.
void cursor_publish(struct driver *driver);

// doorbell.c: waits for viewers to ring
Bool doorbell_start(struct driver *driver, void (*rung)(struct driver *driver));
void doorbell_stop(struct driver *driver);
/// Calls back once more, after the server has dealt with what is queued.
void doorbell_again(struct driver *driver);

// viewers.c
Bool viewers_start(struct driver *driver);
void viewers_stop(struct driver *driver);
uint32_t viewers_refresh(const struct driver *driver);
/// Video buffers of the port that a viewer still needs.
uint32_t viewers_holds(const struct driver *driver, uint32_t port);

// input.c
extern InputDriverRec input_driver;
/// What a viewer sent. FALSE when something is left in its ring for the next time.
Bool input_take(struct driver *driver, uint32_t slot);
void input_release(struct driver *driver, uint32_t slot);
/// Lets the server deal with what it was given.
void input_flush(struct driver *driver);
/// Throws away what is in the ring.
void input_drop(struct driver *driver, uint32_t slot);

// keymap.c
void keymap_look(struct driver *driver, uint32_t slot);
/// Called before a key of this viewer: another may have typed in between.
void keymap_use(struct driver *driver, uint32_t slot);

// locks.c
/// The group, 0...3, and X's eight modifiers, a bit each.
void locks_set(struct driver *driver, uint32_t group, uint32_t modifiers);

// video.c
Bool video_init(struct driver *driver);
void video_close(struct driver *driver);
/// Draws what is shown into the frame buffer: a viewer came that cannot show video.
void video_flatten(struct driver *driver);

// convert.c
/// Converts and scales what of the frame is shown in the part of its target: pixels of 0x00RRGGBB, lines without a gap. The
/// part lies in the target; both are where they are on the screen.
void convert_frame(
    const uint8_t *frame, const struct display_video *video, const struct display_rectangle *part, uint32_t *pixels);

// vblank.c: Present's clock
Bool vblank_init(struct driver *driver);
void vblank_close(struct driver *driver);
/// The viewers' rate may have changed.
void vblank_rate(struct driver *driver, uint32_t refresh_mhz);

#endif
