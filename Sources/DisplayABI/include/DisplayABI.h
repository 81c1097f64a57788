// What the display driver in a pod, the pod's clipboard program and the viewers on the host share: one sparse file, the
// object, on a tmpfs inside the pod, which all of them map. There is no connection and no other channel.
//
// Terms
//   driver     the video and input driver inside the pod's X server; makes the object
//   clipboard  pod-clipboard, an X client inside the pod
//   viewer     a program on the host that shows the pod's screen; up to DISPLAY_VIEWERS at once, each in a viewer slot
//   object     the file; everything in it lies at an offset that this header fixes, except the frame buffer's
//   record     a struct that is written under a sequence count and read as a whole copy
//   published  a futex word that the driver and the clipboard count up after anything that a viewer wants to know
//   doorbell   a futex word that viewers count up after anything that the driver (or the clipboard) wants to know
//
// Trust. Every byte can be changed by programs in the pod at any time. A reader on the host copies a record once
// (display_read_*), checks the copy, and uses nothing but the copy; every display_*_is_valid below is such a check, and
// what passed it points nowhere outside the object. Counts that come out of the object are compared with `!=` and
// differences, never used as an index unmasked. The file can be cut by its owner: a viewer handles SIGBUS or reads with
// pread. The driver checks what viewers write in the same way.
//
// Who writes what. Each page has one writer, named at the struct; two words have several and are only added to. Nobody
// waits for anybody: a viewer that is killed or hangs holds nothing up, neither does a dead driver.
//
// Memory order. A record is written between two steps of its sequence count (odd while it is written), words relaxed, the
// even count released; a reader acquires the count, copies, and reads the count again. A ring's entries are stored before
// its count is released. `published` and `doorbell` are counted up after the data they speak of. All atomics are of
// 32 or 64 bits, naturally aligned, lock-free, little endian (the object never leaves x86-64 or arm64).
//
// Life. The driver makes a new file under another name, fills it, stores `magic` last and renames it into place: a file
// that can be opened by its name is complete. A restored pod has a new file with the old one's content; a viewer of the
// old one is attached to nothing and has to open the new. What a viewer sees of a server that ended: `state` says GONE if
// it could still say so; else its heartbeat is no longer echoed (display_echo.heartbeat).
//
// Versions. A driver lies in a suspended session and meets viewers of later versions. Nothing here changes its meaning:
// what is new gets a feature bit and reserved space, or a new DISPLAY_ABI_VERSION, and viewers speak the old ones too.
// Reserved space is written as 0 and not looked at.
#ifndef DISPLAY_ABI_H
#define DISPLAY_ABI_H

#include <stdint.h>

#define DISPLAY_ABI_MAGIC 0x44504d50u // "PMPD"
#define DISPLAY_ABI_VERSION 1u

/// Where the object of the pod's display `:0` lies, inside the pod. Mode 0600, the X server's user's.
#define DISPLAY_OBJECT_PATH "/dev/shm/mediapod-display-0"

#define DISPLAY_PAGE 4096u
#define DISPLAY_VIEWERS 8u        // viewer slots
#define DISPLAY_OUTPUTS 8u        // RandR outputs
#define DISPLAY_VIDEO_PORTS 8u    // XVideo ports
#define DISPLAY_VIDEO_BUFFERS 4u  // frames a port may have in the object at a time
#define DISPLAY_CLIP_BOXES 32u    // a port's visible region; a more ragged one is drawn into the frame buffer instead
#define DISPLAY_DAMAGE_BOXES 1024u
#define DISPLAY_INPUT_EVENTS 256u
#define DISPLAY_SELECTIONS 2u

/// Pixels in a line, and lines, of the whole screen: 1 to this. X and llvmpipe take no more.
#define DISPLAY_MAX_EXTENT 16384u
/// Pixels in a line, and lines, of the cursor's image. A larger cursor is drawn into the frame buffer by the server.
#define DISPLAY_MAX_CURSOR 256u
/// Pixels in a line, and lines, of a video frame.
#define DISPLAY_MAX_VIDEO 4096u
/// Bytes of an XKB keymap in text form.
#define DISPLAY_MAX_KEYMAP (256u << 10)
/// Bytes of one clipboard transfer. What is larger is refused (DISPLAY_ANSWER_TOO_BIG).
#define DISPLAY_MAX_CLIPBOARD (16u << 20)

/// A viewer counts its heartbeat up at least this often, ms, ...
#define DISPLAY_HEARTBEAT_MS 200u
/// ... or its slot is taken from it, and what it held down is let go, after this long, ms.
#define DISPLAY_LEASE_MS 800u
/// The same of a viewer that rests (DISPLAY_VIEWER_RESTS): on both sides, an idle screen costs a tenth of the wake-ups.
#define DISPLAY_REST_HEARTBEAT_MS 2000u
#define DISPLAY_REST_LEASE_MS 8000u
/// The rate at which Present and vsync run while no viewer says another, thousandths of a Hz; and the bounds of it.
#define DISPLAY_DEFAULT_REFRESH_MHZ 60000u
#define DISPLAY_MIN_REFRESH_MHZ 1000u
#define DISPLAY_MAX_REFRESH_MHZ 500000u

// ------------------------------------------------------------------------------------------------ the object's layout
//
// Byte offsets in the file, all multiples of DISPLAY_PAGE and below 4 GiB, so that MIT-SHM's 32 bits reach every pixel.
// The file is sparse. Only the control part is always there; the rest is allocated by its writer with fallocate before it
// is used (a full tmpfs is then an error instead of a SIGBUS), and given back with a punched hole when it is not.

#define DISPLAY_CONTROL_BYTES (192u << 10) // struct display_object
#define DISPLAY_CURSOR_OFFSET DISPLAY_CONTROL_BYTES
#define DISPLAY_CURSOR_BYTES (256u << 10)
#define DISPLAY_KEYMAP_OFFSET (512u << 10) // one of DISPLAY_MAX_KEYMAP a viewer slot
#define DISPLAY_POD_CLIPBOARD_OFFSET (16u << 20)
#define DISPLAY_VIEWER_CLIPBOARD_OFFSET (32u << 20) // one of DISPLAY_MAX_CLIPBOARD a viewer slot
#define DISPLAY_VIDEO_OFFSET (256u << 20)           // [port][buffer], DISPLAY_VIDEO_BUFFER_BYTES each
#define DISPLAY_VIDEO_BUFFER_BYTES (32u << 20)
#define DISPLAY_FRAME_OFFSET (1280u << 20) // two banks; a new size of the screen goes to the other one
#define DISPLAY_FRAME_BANK_BYTES (1u << 30)
#define DISPLAY_OBJECT_BYTES (3328ull << 20)

static inline uint64_t display_keymap_offset(uint32_t viewer) {
    return DISPLAY_KEYMAP_OFFSET + (uint64_t)(viewer % DISPLAY_VIEWERS) * DISPLAY_MAX_KEYMAP;
}

static inline uint64_t display_viewer_clipboard_offset(uint32_t viewer) {
    return DISPLAY_VIEWER_CLIPBOARD_OFFSET + (uint64_t)(viewer % DISPLAY_VIEWERS) * DISPLAY_MAX_CLIPBOARD;
}

static inline uint64_t display_video_offset(uint32_t port, uint32_t buffer) {
    uint64_t index = (uint64_t)(port % DISPLAY_VIDEO_PORTS) * DISPLAY_VIDEO_BUFFERS + buffer % DISPLAY_VIDEO_BUFFERS;
    return DISPLAY_VIDEO_OFFSET + index * DISPLAY_VIDEO_BUFFER_BYTES;
}

// ------------------------------------------------------------------------------------------------------------- boxes

/// A box of pixels, half open (x2 and y2 are outside), in one word, so that it is read and written whole.
typedef uint64_t display_box;

struct display_rectangle {
    int32_t x1, y1, x2, y2; // half open
};

/// Each coordinate is 0 to 65535.
static inline display_box display_box_pack(uint32_t x1, uint32_t y1, uint32_t x2, uint32_t y2) {
    return (uint64_t)(x1 & 0xffffu) | (uint64_t)(y1 & 0xffffu) << 16 | (uint64_t)(x2 & 0xffffu) << 32 |
           (uint64_t)(y2 & 0xffffu) << 48;
}

/// What of the box lies on a screen of that size; empty (x1 == x2) when nothing does, or when the box is nonsense.
static inline struct display_rectangle display_box_on(display_box box, uint32_t width, uint32_t height) {
    uint32_t x1 = box & 0xffffu, y1 = box >> 16 & 0xffffu, x2 = box >> 32 & 0xffffu, y2 = box >> 48;
    if (x2 > width) x2 = width;
    if (y2 > height) y2 = height;
    if (x1 >= x2 || y1 >= y2) return (struct display_rectangle){0, 0, 0, 0};
    return (struct display_rectangle){(int32_t)x1, (int32_t)y1, (int32_t)x2, (int32_t)y2};
}

// -------------------------------------------------------------------------------------------------------- the driver's

enum display_feature {
    DISPLAY_FEATURE_RESIZE = 1 << 0,    // answers layout requests
    DISPLAY_FEATURE_VIDEO = 1 << 1,     // hands video through
    DISPLAY_FEATURE_CURSOR = 1 << 2,    // the cursor is the viewer's to draw
    DISPLAY_FEATURE_INPUT = 1 << 3,     // reads the input rings
    DISPLAY_FEATURE_KEYMAP = 1 << 4,    // takes keymaps
    DISPLAY_FEATURE_CLIPBOARD = 1 << 5, // a pod-clipboard may be there (display_object.clipboard.owner says whether)
    DISPLAY_FEATURE_LOCK = 1 << 6,      // knows DISPLAY_EVENT_LOCK
    DISPLAY_FEATURE_REST = 1 << 7,      // knows DISPLAY_VIEWER_RESTS
};

enum display_state { DISPLAY_STATE_RUNNING = 1, DISPLAY_STATE_GONE = 2 };

/// What the driver tells one viewer slot. Words for themselves, not a record.
struct display_echo {
    uint32_t owner;     // the owner that the driver has seen and counts as live; 0: none
    uint32_t heartbeat; // the last heartbeat that was seen: the driver's own sign of life
    uint32_t taken;     // input events read from the ring, free-running
    uint32_t layout;    // the serial of the layout request that was answered last ...
    int32_t layout_error; // ... with 0, or an errno: EINVAL, ENOMEM (no room in memory), EBUSY
    uint32_t keymap;      // the serial of the keymap that was looked at last ...
    int32_t keymap_error; // ... with 0, or an errno: EINVAL (too long, or XKB does not take it)
    uint32_t reserved[9];
};

/// The first page. Written by the driver: the first line before the file can be opened, `epoch` at restores.
struct display_server {
    uint32_t magic;
    uint32_t version;
    uint64_t features;     // enum display_feature
    uint64_t object_bytes; // DISPLAY_OBJECT_BYTES
    /// Different for every start of the X server, and for every restore, which the driver notices at the latest when a
    /// viewer attaches. What was remembered of another epoch is void.
    uint64_t epoch;

    /// A futex. Counted up after damage, a new screen, cursor, pointer position, video frame, echo or clipboard record.
    /// Viewers wait on it. Written by the driver and the clipboard, only added to.
    _Alignas(64) uint32_t published;

    _Alignas(64) uint32_t state; // enum display_state
    uint32_t leds;               // the keyboard's: bit 0 Caps Lock, 1 Num Lock, 2 Scroll Lock
    uint32_t bells;              // counted up, by one or more, whenever the bell is rung
    /// Counts the times that a program in the pod moved the pointer (XWarpPointer), not a viewer.
    uint32_t warps;
    /// The pointer's hot spot on the screen, pixels: x in the low 32 bits, y in the high, both signed.
    uint64_t pointer;

    _Alignas(64) struct display_echo echoes[DISPLAY_VIEWERS];
};

/// One RandR output that shows a part of the screen.
struct display_output {
    int32_t x, y; // where on the screen, pixels
    uint32_t width, height;
    uint32_t mm_width, mm_height; // 0: unknown
    uint32_t refresh_mhz;         // thousandths of a Hz
    uint32_t flags;               // bit 0: the primary
    char name[16];                // terminated; not trusted
};
#define DISPLAY_OUTPUT_PRIMARY 1u

/// The screen. A record, written by the driver; its count is odd from before the first to after the last change of a
/// resize, so that a reader who finds the same even count before and after reading pixels has read them from where they
/// were meant to be (if perhaps in the middle of being drawn: then damage follows).
struct display_screen {
    uint32_t width, height; // pixels, 1...DISPLAY_MAX_EXTENT
    uint32_t stride;        // bytes from line to line, a multiple of 64
    uint32_t format;        // DISPLAY_XRGB8888
    uint64_t offset;        // of the first pixel, in the object; on a page
    uint64_t bytes;         // stride * height
    uint64_t serial;        // counts the records: another one means that everything is to be drawn anew
    uint32_t output_count;  // 0...DISPLAY_OUTPUTS
    uint32_t reserved;
    struct display_output outputs[DISPLAY_OUTPUTS];
};
/// 32 bits a pixel, 0x00RRGGBB in the machine's order; the upper eight mean nothing. X's depth 24.
#define DISPLAY_XRGB8888 1u

/// Boxes in which pixels changed, oldest first; written by the driver whenever the server goes to sleep. Positions are
/// free-running counts of boxes. A reader remembers up to where it read; one that fell behind by more than the ring, or
/// that finds another screen serial, draws everything.
struct display_damage {
    _Alignas(64) uint64_t claimed;   // entries before this may be in the middle of being written
    uint64_t published;              // entries before this can be read
    _Alignas(64) display_box boxes[DISPLAY_DAMAGE_BOXES];
};

/// The cursor's shape. A record, written by the driver; the image at DISPLAY_CURSOR_OFFSET is part of it: width * height
/// pixels of 32 bits, 0xAARRGGBB, premultiplied, lines of `width` pixels without a gap.
struct display_cursor {
    uint32_t visible; // 0: no cursor is to be drawn
    uint32_t width, height; // 0...DISPLAY_MAX_CURSOR
    uint32_t hot_x, hot_y;  // of the hot spot in the image
    uint32_t serial;        // counts shapes
};

/// A video port. A record, written by the driver; the frame itself lies at display_video_offset(port, buffer) and is
/// good while display_object.buffer_sequences[port][buffer] is `buffer_sequence`. A viewer that wants to keep it longer
/// says so in display_viewer.holds; then the driver uses another if it has one.
struct display_video {
    uint32_t flags;           // bit 0: shown. Else what it covered is to be drawn from the frame buffer
    uint32_t buffer;          // 0...DISPLAY_VIDEO_BUFFERS - 1
    uint32_t buffer_sequence; // even
    uint32_t fourcc;          // DISPLAY_I420, ...
    uint64_t frame;           // counts frames; 0: there has been none
    uint64_t placement;       // counts changes of anything below but `bytes`, and of `flags`
    uint32_t width, height;   // of the whole frame, pixels, even, 2...DISPLAY_MAX_VIDEO
    uint32_t planes;          // 1, 2 (NV12) or 3, in the order in which the format has them (YV12: Y, V, U)
    uint32_t pitches[3];      // bytes from line to line of a plane
    uint32_t offsets[3];      // of a plane from the frame's start, bytes
    uint32_t bytes;           // of the frame
    uint32_t matrix;          // DISPLAY_BT601 or DISPLAY_BT709; video range (16 to 235)
    uint32_t source_x, source_y, source_width, source_height; // the part of the frame that is shown, pixels
    struct display_rectangle target; // where the part is shown on the screen, pixels; may reach beyond it
    uint32_t clip_count;             // 0...DISPLAY_CLIP_BOXES
    uint32_t reserved;
    display_box clip[DISPLAY_CLIP_BOXES]; // what of the target can be seen, on the screen; do not overlap
};
#define DISPLAY_VIDEO_SHOWN 1u
#define DISPLAY_BT601 0u
#define DISPLAY_BT709 1u
/// As XVideo names them. Planes and pitches are those of Xorg's own drivers: an Y line is `width` rounded up to 4 bytes,
/// a chroma line half the width rounded up to 4.
#define DISPLAY_I420 0x30323449u // 4:2:0, planes Y U V
#define DISPLAY_YV12 0x32315659u // 4:2:0, planes Y V U
#define DISPLAY_NV12 0x3231564eu // 4:2:0, planes Y, UV interleaved
#define DISPLAY_YUY2 0x32595559u // 4:2:2, packed Y U Y V

// ------------------------------------------------------------------------------------------------------ the clipboard

enum display_selection { DISPLAY_CLIPBOARD = 0, DISPLAY_PRIMARY = 1 };

/// Formats, bits of a mask.
enum display_clipboard_format {
    DISPLAY_FORMAT_TEXT = 1 << 0, // UTF-8, lines end in \n
    DISPLAY_FORMAT_PNG = 1 << 1,
};

enum display_answer_status {
    DISPLAY_ANSWER_NONE = 0,
    DISPLAY_ANSWER_DATA = 1,    // `bytes` bytes lie in the answering side's clipboard area
    DISPLAY_ANSWER_GONE = 2,    // that offer no longer stands
    DISPLAY_ANSWER_TOO_BIG = 3, // more than DISPLAY_MAX_CLIPBOARD
    DISPLAY_ANSWER_FAILED = 4,  // its owner did not deliver
};

/// A transfer goes like this, in either direction: one side has a selection and offers it (formats, no data). The other
/// wishes for it when something is pasted there. The first answers, with the data in its own area, which stays as it is
/// until the wish is withdrawn (number 0) or its side is gone, but for no more than 2 s.
struct display_offer {
    uint32_t serial;  // counts the offers of this selection; another serial: what was offered before is gone
    uint32_t formats; // enum display_clipboard_format; 0: nothing is offered
};
struct display_wish {
    uint32_t number;    // counts the wishes; 0: none
    uint32_t viewer;    // whose offer it is (the clipboard's wishes); 0 in a viewer's
    uint32_t owner;     // ... and its owner word
    uint32_t selection; // enum display_selection
    uint32_t serial;    // of the offer
    uint32_t format;    // one bit
};
struct display_answer {
    uint32_t viewer; // whose wish it is (the clipboard's answers); 0 in a viewer's
    uint32_t owner;  // ... and its owner word
    uint32_t number; // of the wish
    uint32_t status; // enum display_answer_status
    uint32_t bytes;
};

/// What one side says of the clipboard: a record.
struct display_clipboard {
    uint32_t owner; // the pod's: 1 while pod-clipboard runs. A viewer's: its owner word; another's is void
    struct display_offer offers[DISPLAY_SELECTIONS];
    struct display_wish wish;
    struct display_answer answer;
};

// -------------------------------------------------------------------------------------------------------- a viewer's

enum display_event_type {
    DISPLAY_EVENT_KEY = 1,     // code: X keycode (8...255) in the keymap that the viewer pushed, else evdev's; value 1 or 0
    DISPLAY_EVENT_BUTTON = 2,  // code: 1...32 as X counts them (4 to 7: wheel); value 1 or 0
    DISPLAY_EVENT_MOTION = 3,  // x, y: where on the screen, pixels
    DISPLAY_EVENT_RELATIVE = 4, // x, y: pixels, not accelerated any further
    DISPLAY_EVENT_SCROLL = 5,  // x, y: right and down, 120 a notch; the server makes button events of whole notches
    DISPLAY_EVENT_RELEASE = 6, // everything that this viewer holds down is let go; send it first, and when focus is lost
    DISPLAY_EVENT_LOCK = 7,    // code: the locked layout group, 0...3; value: the locked modifiers, X's eight bits
};

struct display_event {
    uint16_t type; // enum display_event_type
    uint16_t code;
    uint16_t value;
    uint16_t reserved;
    int32_t x, y;
};

/// The layout that a viewer wants: a record. Asked for with another serial; answered in display_echo.
struct display_layout {
    uint32_t owner;        // the viewer's owner word; another's is void
    uint32_t serial;       // 0: nothing is asked for
    uint32_t output_count; // 1...DISPLAY_OUTPUTS
    struct display_output outputs[DISPLAY_OUTPUTS]; // name is not looked at; the screen is their bounding box from 0,0
};

enum display_viewer_flag {
    /// It cannot show video: while it is there, frames are drawn into the frame buffer as well.
    DISPLAY_VIEWER_FLAT = 1 << 0,
    /// It holds no key and no button down, and its heartbeats are rare. Before it sends an event it counts its heartbeat up,
    /// then takes this away.
    DISPLAY_VIEWER_RESTS = 1 << 1,
};

/// A viewer slot: two pages and a bit, written by the viewer that owns it; only `owner` by the driver too.
///
/// Attach: find a slot whose `owner` is 0, exchange it (compare and swap) for a random number, not 0. Take `head` from
/// where it stands. Write flags, refresh, holds and label anew: the slot still has the last owner's. (So it has of the
/// layout, the keymap and the clipboard, but they name their owner.) Send DISPLAY_EVENT_RELEASE, count `heartbeat` up and
/// ring the doorbell.
/// Keep: count `heartbeat` up every DISPLAY_HEARTBEAT_MS (DISPLAY_REST_HEARTBEAT_MS while `flags` say that it rests); no
/// doorbell is needed. If `owner` is no longer one's own
/// number, the lease ran out (a host that was busy): attach again.
/// Leave: exchange `owner` for 0 if it is still one's own; ring.
struct display_viewer {
    _Alignas(DISPLAY_PAGE) uint32_t owner;
    uint32_t heartbeat;
    uint32_t flags;       // enum display_viewer_flag
    uint32_t refresh_mhz; // of its display; 0: unknown. The highest of all viewers' counts
    uint32_t keymap;       // serial of the text at display_keymap_offset; 0: none. Written after the three
    uint32_t keymap_bytes; // XKB, as `xkbcomp :0 -` prints it. Applies to the keys that come after it from this viewer
    uint32_t keymap_owner; // the owner word of who pushed it; another's is void
    uint32_t holds[DISPLAY_VIDEO_PORTS]; // bit n: buffer n is still needed
    char label[64];                      // who it is, for people; not necessarily terminated

    _Alignas(64) uint32_t layout_sequence;
    struct display_layout layout;

    _Alignas(64) uint32_t clipboard_sequence;
    struct display_clipboard clipboard;

    /// Events written, free-running; an event is at head % DISPLAY_INPUT_EVENTS. There is room while
    /// head - display_echo.taken < DISPLAY_INPUT_EVENTS. (A viewer that goes beyond loses all that is in the ring.)
    _Alignas(DISPLAY_PAGE) uint32_t head;
    _Alignas(64) struct display_event events[DISPLAY_INPUT_EVENTS];
};

struct display_video_port {
    _Alignas(64) uint32_t sequence;
    _Alignas(64) struct display_video video;
};

/// The control part, at offset 0.
struct display_object {
    // The driver's.
    struct display_server server;

    _Alignas(DISPLAY_PAGE) uint32_t screen_sequence;
    _Alignas(64) struct display_screen screen;

    _Alignas(DISPLAY_PAGE) uint32_t cursor_sequence;
    struct display_cursor cursor;

    _Alignas(DISPLAY_PAGE) struct display_damage damage;

    /// Of what lies in each video buffer: odd while the driver copies a frame there.
    _Alignas(DISPLAY_PAGE) uint32_t buffer_sequences[DISPLAY_VIDEO_PORTS][DISPLAY_VIDEO_BUFFERS];
    struct display_video_port ports[DISPLAY_VIDEO_PORTS];

    // pod-clipboard's.
    _Alignas(DISPLAY_PAGE) uint32_t clipboard_sequence;
    struct display_clipboard clipboard;

    // Viewers', and only added to: futexes that the driver and the clipboard wait on.
    _Alignas(DISPLAY_PAGE) uint32_t doorbell;
    _Alignas(64) uint32_t clipboard_doorbell;

    _Alignas(DISPLAY_PAGE) struct display_viewer viewers[DISPLAY_VIEWERS];
};

_Static_assert(sizeof(struct display_echo) == 64, "layout");
_Static_assert(sizeof(struct display_server) == 704 && sizeof(struct display_server) <= DISPLAY_PAGE, "layout");
_Static_assert(sizeof(struct display_output) == 48, "layout");
_Static_assert(sizeof(struct display_screen) == 432, "layout");
_Static_assert(sizeof(struct display_cursor) == 24, "layout");
_Static_assert(sizeof(struct display_video) == 376, "layout");
_Static_assert(sizeof(struct display_clipboard) == 64, "layout");
_Static_assert(sizeof(struct display_event) == 16, "layout");
_Static_assert(sizeof(struct display_layout) == 396, "layout");
_Static_assert(sizeof(struct display_viewer) == 3 * DISPLAY_PAGE, "layout");
_Static_assert(sizeof(struct display_object) <= DISPLAY_CONTROL_BYTES, "the control part fits");
_Static_assert(DISPLAY_CURSOR_OFFSET + DISPLAY_CURSOR_BYTES <= DISPLAY_KEYMAP_OFFSET, "areas do not overlap");
_Static_assert(DISPLAY_KEYMAP_OFFSET + DISPLAY_VIEWERS * DISPLAY_MAX_KEYMAP <= DISPLAY_POD_CLIPBOARD_OFFSET, "areas");
_Static_assert(DISPLAY_POD_CLIPBOARD_OFFSET + DISPLAY_MAX_CLIPBOARD <= DISPLAY_VIEWER_CLIPBOARD_OFFSET, "areas");
_Static_assert(DISPLAY_VIEWER_CLIPBOARD_OFFSET + DISPLAY_VIEWERS * DISPLAY_MAX_CLIPBOARD <= DISPLAY_VIDEO_OFFSET, "areas");
_Static_assert(DISPLAY_VIDEO_OFFSET + DISPLAY_VIDEO_PORTS * DISPLAY_VIDEO_BUFFERS * (uint64_t)DISPLAY_VIDEO_BUFFER_BYTES
                   <= DISPLAY_FRAME_OFFSET, "areas");
_Static_assert(DISPLAY_MAX_CURSOR * DISPLAY_MAX_CURSOR * 4u == DISPLAY_CURSOR_BYTES, "the largest cursor");
_Static_assert(DISPLAY_MAX_VIDEO * DISPLAY_MAX_VIDEO * 2u <= DISPLAY_VIDEO_BUFFER_BYTES, "the largest frame fits");
_Static_assert((uint64_t)DISPLAY_MAX_EXTENT * DISPLAY_MAX_EXTENT * 4u <= DISPLAY_FRAME_BANK_BYTES, "the largest screen");
_Static_assert(DISPLAY_FRAME_OFFSET + 2ull * DISPLAY_FRAME_BANK_BYTES == DISPLAY_OBJECT_BYTES, "areas");
_Static_assert(DISPLAY_OBJECT_BYTES <= 1ull << 32, "MIT-SHM's offsets reach everything");

#include "DisplayAccess.h"

#endif
