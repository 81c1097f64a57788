// XVideo: frames go into the object as they come, with their place on the screen; nothing is converted or scaled here.
// Only where that is not enough (a window that a compositor draws, a region too ragged for the record, a viewer that
// cannot show video) are they drawn into the frame buffer.
#include "driver.h"

#include <X11/extensions/Xv.h>
#include <errno.h>
#include <fourcc.h>
#include <gcstruct.h>
#include <stdlib.h>
#include <string.h>
#include <windowstr.h>

/// After this long without a frame, ms, a port keeps only the frame that it shows, or nothing.
enum { IDLE_MS = 2000 };

static Atom matrix_atom;

static XF86VideoEncodingRec encodings[] = {{0, "XV_IMAGE", DISPLAY_MAX_VIDEO, DISPLAY_MAX_VIDEO, {1, 1}}};
static XF86VideoFormatRec formats[] = {{24, TrueColor}};
static XF86AttributeRec attributes[] = {{XvSettable | XvGettable, 0, 1, "XV_ITURBT_709"}};
static XF86ImageRec images[] = {
    XVIMAGE_YUY2,
    XVIMAGE_YV12,
    XVIMAGE_I420,
    {
        DISPLAY_NV12,
        XvYUV,
        LSBFirst,
        {'N', 'V', '1', '2', 0x00, 0x00, 0x00, 0x10, 0x80, 0x00, 0x00, 0xAA, 0x00, 0x38, 0x9B, 0x71},
        12,
        XvPlanar,
        2,
        0, 0, 0, 0,
        8, 8, 8,
        1, 2, 2,
        1, 2, 2,
        {'Y', 'U', 'V'},
        XvTopToBottom,
    },
};

// -------------------------------------------------------------------------------------------------------- the object

static uint32_t *sequence_of(struct port *port, uint32_t buffer) {
    return &port->driver->object->buffer_sequences[port->number][buffer];
}

static void publish(struct port *port) {
    struct display_video_port *to = &port->driver->object->ports[port->number];
    port->record.flags = port->shown ? DISPLAY_VIDEO_SHOWN : 0;
    display_record_write(&to->sequence, &to->video, &port->record, sizeof port->record);
    object_tell(port->driver);
}

static void free_buffer(struct port *port, uint32_t buffer) {
    if (port->allocated[buffer] == 0) return;
    display_sequence_begin(sequence_of(port, buffer));
    object_punch(port->driver, display_video_offset(port->number, buffer), port->allocated[buffer]);
    display_sequence_end(sequence_of(port, buffer));
    port->allocated[buffer] = 0;
}

static CARD32 free_idle(OsTimerPtr timer, CARD32 now, void *data) {
    (void)timer;
    struct driver *driver = data;
    CARD32 next = 0;
    for (uint32_t n = 0; n < DISPLAY_VIDEO_PORTS; n++) {
        struct port *port = &driver->ports[n];
        CARD32 idle = now - port->used;
        for (uint32_t buffer = 0; buffer < DISPLAY_VIDEO_BUFFERS; buffer++) {
            if (port->allocated[buffer] == 0 || (port->shown && buffer == port->record.buffer)) continue;
            if (idle >= IDLE_MS)
                free_buffer(port, buffer);
            else if (next == 0 || IDLE_MS - idle < next)
                next = IDLE_MS - idle;
        }
    }
    driver->video_timed = next != 0;
    return next;
}

static void touch(struct port *port) {
    struct driver *driver = port->driver;
    port->used = GetTimeInMillis();
    if (driver->video_timed) return;
    driver->video_timer = TimerSet(driver->video_timer, 0, IDLE_MS, free_idle, driver);
    driver->video_timed = TRUE;
}

// A buffer for the next frame: not the one that is shown, not one that a viewer still needs; if there is no other, one
// that it needs, whose viewer finds the sequence count changed.
static int buffer_for(struct port *port, uint32_t bytes) {
    uint32_t holds = viewers_holds(port->driver, port->number), last = port->record.buffer;
    for (int choosy = 1; choosy >= 0; choosy--)
        for (uint32_t n = 1; n < DISPLAY_VIDEO_BUFFERS; n++) {
            uint32_t buffer = (last + n) % DISPLAY_VIDEO_BUFFERS;
            if (choosy && holds >> buffer & 1u) continue;
            if (port->allocated[buffer] < bytes) {
                if (object_allocate(port->driver, display_video_offset(port->number, buffer), bytes)) return -1;
                port->allocated[buffer] = bytes;
            }
            return (int)buffer;
        }
    return -1;
}

static void place(struct port *port, const struct display_rectangle *source, const struct display_rectangle *target,
    RegionPtr clip) {
    struct display_video *record = &port->record;
    record->source_x = (uint32_t)source->x1;
    record->source_y = (uint32_t)source->y1;
    record->source_width = (uint32_t)(source->x2 - source->x1);
    record->source_height = (uint32_t)(source->y2 - source->y1);
    record->target = *target;
    record->clip_count = (uint32_t)RegionNumRects(clip);
    const BoxRec *boxes = RegionRects(clip);
    memset(record->clip, 0, sizeof record->clip);
    for (uint32_t n = 0; n < record->clip_count; n++)
        record->clip[n] =
            display_box_pack((uint32_t)boxes[n].x1, (uint32_t)boxes[n].y1, (uint32_t)boxes[n].x2, (uint32_t)boxes[n].y2);
}

// Whether a frame can be shown over the window where it is.
static Bool can_overlay(DrawablePtr drawable, RegionPtr clip) {
    ScreenPtr screen = drawable->pScreen;
    return drawable->type == DRAWABLE_WINDOW && RegionNumRects(clip) <= (int)DISPLAY_CLIP_BOXES &&
           screen->GetWindowPixmap((WindowPtr)drawable) == screen->GetScreenPixmap(screen);
}

// ---------------------------------------------------------------------------------------------------- drawn as pixels

static void draw_scaled(const uint8_t *frame, const struct display_video *video, DrawablePtr drawable, RegionPtr clip) {
    ScreenPtr screen = drawable->pScreen;
    // Only what can be seen: a film may be enlarged far beyond the screen.
    const BoxRec *seen = RegionExtents(clip);
    const struct display_rectangle *target = &video->target;
    struct display_rectangle part = {max(target->x1, seen->x1), max(target->y1, seen->y1), min(target->x2, seen->x2),
        min(target->y2, seen->y2)};
    if (part.x1 >= part.x2 || part.y1 >= part.y2) return;
    int width = part.x2 - part.x1, height = part.y2 - part.y1;
    uint32_t *pixels = malloc((size_t)width * (size_t)height * 4);
    if (!pixels) return;
    convert_frame(frame, video, &part, pixels);
    PixmapPtr pixmap = GetScratchPixmapHeader(screen, width, height, 24, 32, width * 4, pixels);
    GCPtr gc = GetScratchGC(drawable->depth, screen);
    if (pixmap && gc) {
        RegionPtr where = RegionDuplicate(clip);
        RegionTranslate(where, -drawable->x, -drawable->y);
        ChangeGCVal mode = {.val = IncludeInferiors};
        ChangeGC(NullClient, gc, GCSubwindowMode, &mode);
        gc->funcs->ChangeClip(gc, CT_REGION, where, 0);
        ValidateGC(drawable, gc);
        gc->ops->CopyArea(
            &pixmap->drawable, drawable, gc, 0, 0, width, height, part.x1 - drawable->x, part.y1 - drawable->y);
    }
    if (gc) FreeScratchGC(gc);
    if (pixmap) FreeScratchPixmapHeader(pixmap);
    free(pixels);
}

void video_flatten(struct driver *driver) {
    for (uint32_t n = 0; n < DISPLAY_VIDEO_PORTS; n++) {
        struct port *port = &driver->ports[n];
        if (!port->shown) continue;
        RegionRec clip;
        RegionNull(&clip);
        for (uint32_t box = 0; box < port->record.clip_count; box++) {
            struct display_rectangle shown =
                display_box_on(port->record.clip[box], driver->frame.width, driver->frame.height);
            BoxRec part = {(short)shown.x1, (short)shown.y1, (short)shown.x2, (short)shown.y2};
            RegionRec more;
            RegionInit(&more, &part, 1);
            RegionUnion(&clip, &clip, &more);
            RegionUninit(&more);
        }
        const uint8_t *frame = object_at(driver, display_video_offset(port->number, port->record.buffer));
        draw_scaled(frame, &port->record, &driver->screen->root->drawable, &clip);
        RegionUninit(&clip);
    }
}

// ------------------------------------------------------------------------------------------------------ Xv's requests

static void stop_video(ScrnInfoPtr scrn, void *data, Bool exit) {
    (void)scrn;
    (void)exit;
    struct port *port = data;
    if (port->shown) {
        port->shown = FALSE;
        port->record.placement++;
        publish(port);
    }
    touch(port);
}

static int set_attribute(ScrnInfoPtr scrn, Atom attribute, INT32 value, void *data) {
    (void)scrn;
    struct port *port = data;
    if (attribute != matrix_atom) return BadMatch;
    if (value < 0 || value > 1) return BadValue;
    port->record.matrix = value ? DISPLAY_BT709 : DISPLAY_BT601;
    return Success;
}

static int get_attribute(ScrnInfoPtr scrn, Atom attribute, INT32 *value, void *data) {
    (void)scrn;
    const struct port *port = data;
    if (attribute != matrix_atom) return BadMatch;
    *value = port->record.matrix == DISPLAY_BT709;
    return Success;
}

static void query_best_size(ScrnInfoPtr scrn, Bool motion, short video_width, short video_height, short drawn_width,
    short drawn_height, unsigned *width, unsigned *height, void *data) {
    (void)scrn;
    (void)motion;
    (void)video_width;
    (void)video_height;
    (void)data;
    *width = (unsigned)drawn_width;
    *height = (unsigned)drawn_height;
}

static int query_image(
    ScrnInfoPtr scrn, int image, unsigned short *width, unsigned short *height, int *pitches, int *offsets) {
    (void)scrn;
    uint32_t wide = (*width + 1u) & ~1u, high = (*height + 1u) & ~1u, plane_pitches[3], plane_offsets[3], planes = 0;
    if (wide < 2) wide = 2;
    if (high < 2) high = 2;
    if (wide > DISPLAY_MAX_VIDEO) wide = DISPLAY_MAX_VIDEO;
    if (high > DISPLAY_MAX_VIDEO) high = DISPLAY_MAX_VIDEO;
    *width = (unsigned short)wide;
    *height = (unsigned short)high;
    uint32_t bytes = display_video_planes((uint32_t)image, wide, high, plane_pitches, plane_offsets, &planes);
    for (uint32_t n = 0; n < planes; n++) {
        if (pitches) pitches[n] = (int)plane_pitches[n];
        if (offsets) offsets[n] = (int)plane_offsets[n];
    }
    return (int)bytes;
}

// The part of the frame that there is, and where that part belongs. FALSE when nothing is left.
static Bool fit_source(
    struct display_rectangle *source, struct display_rectangle *target, uint32_t width, uint32_t height) {
    int64_t source_width = source->x2 - source->x1, source_height = source->y2 - source->y1;
    int64_t target_width = target->x2 - target->x1, target_height = target->y2 - target->y1;
    if (source_width < 1 || source_height < 1 || target_width < 1 || target_height < 1) return FALSE;
    struct display_rectangle whole = *source;
    if (source->x1 < 0) source->x1 = 0;
    if (source->y1 < 0) source->y1 = 0;
    if (source->x2 > (int32_t)width) source->x2 = (int32_t)width;
    if (source->y2 > (int32_t)height) source->y2 = (int32_t)height;
    if (source->x1 >= source->x2 || source->y1 >= source->y2) return FALSE;
    int32_t left = target->x1, top = target->y1;
    target->x1 = left + (int32_t)((source->x1 - whole.x1) * target_width / source_width);
    target->x2 = left + (int32_t)((source->x2 - whole.x1) * target_width / source_width);
    target->y1 = top + (int32_t)((source->y1 - whole.y1) * target_height / source_height);
    target->y2 = top + (int32_t)((source->y2 - whole.y1) * target_height / source_height);
    return target->x1 < target->x2 && target->y1 < target->y2;
}

static int put_image(ScrnInfoPtr scrn, short src_x, short src_y, short drw_x, short drw_y, short src_w, short src_h,
    short drw_w, short drw_h, int image, unsigned char *data, short width, short height, Bool sync, RegionPtr clip,
    void *port_data, DrawablePtr drawable) {
    (void)scrn;
    (void)sync;
    struct port *port = port_data;
    struct driver *driver = port->driver;
    // Xv's sizes are of 16 bits without a sign; xf86xv says otherwise.
    uint32_t wide = ((uint16_t)width + 1u) & ~1u, high = ((uint16_t)height + 1u) & ~1u;
    struct display_video next = port->record;
    next.fourcc = (uint32_t)image;
    next.width = wide;
    next.height = high;
    next.bytes = display_video_planes(next.fourcc, wide, high, next.pitches, next.offsets, &next.planes);
    if (next.bytes == 0) return BadValue;
    struct display_rectangle source = {src_x, src_y, src_x + (uint16_t)src_w, src_y + (uint16_t)src_h};
    struct display_rectangle target = {drw_x, drw_y, drw_x + (uint16_t)drw_w, drw_y + (uint16_t)drw_h};
    if (!fit_source(&source, &target, wide, high)) return Success;

    Bool overlay = can_overlay(drawable, clip);
    if (!overlay || driver->flat) {
        struct port drawn = {.driver = driver, .record = next};
        RegionRec none;
        RegionNull(&none);
        place(&drawn, &source, &target, &none);
        draw_scaled(data, &drawn.record, drawable, clip);
    }
    if (!overlay) {
        if (port->shown) stop_video(scrn, port, FALSE);
        return Success;
    }
    int buffer = buffer_for(port, next.bytes);
    if (buffer < 0) return BadAlloc;
    display_sequence_begin(sequence_of(port, (uint32_t)buffer));
    memcpy(object_at(driver, display_video_offset(port->number, (uint32_t)buffer)), data, next.bytes);
    display_sequence_end(sequence_of(port, (uint32_t)buffer));
    struct display_video before = port->record;
    port->record = next;
    place(port, &source, &target, clip);
    port->record.buffer = (uint32_t)buffer;
    port->record.buffer_sequence = *sequence_of(port, (uint32_t)buffer);
    port->record.frame++;
    // Everything from the format on, but for the frame's own number.
    const size_t from = offsetof(struct display_video, width);
    if (!port->shown || before.fourcc != next.fourcc ||
        memcmp((char *)&before + from, (char *)&port->record + from, sizeof before - from) != 0)
        port->record.placement++;
    port->shown = TRUE;
    publish(port);
    touch(port);
    return Success;
}

// The window moved, or something before it did: the frame stays.
static int reput_image(ScrnInfoPtr scrn, short src_x, short src_y, short drw_x, short drw_y, short src_w, short src_h,
    short drw_w, short drw_h, RegionPtr clip, void *port_data, DrawablePtr drawable) {
    struct port *port = port_data;
    if (!port->shown) return Success;
    struct display_rectangle source = {src_x, src_y, src_x + (uint16_t)src_w, src_y + (uint16_t)src_h};
    struct display_rectangle target = {drw_x, drw_y, drw_x + (uint16_t)drw_w, drw_y + (uint16_t)drw_h};
    if (!can_overlay(drawable, clip) || !fit_source(&source, &target, port->record.width, port->record.height)) {
        stop_video(scrn, port, FALSE);
        return Success;
    }
    place(port, &source, &target, clip);
    port->record.placement++;
    publish(port);
    if (port->driver->flat) video_flatten(port->driver);
    return Success;
}

Bool video_init(struct driver *driver) {
    matrix_atom = MakeAtom("XV_ITURBT_709", strlen("XV_ITURBT_709"), TRUE);
    XF86VideoAdaptorPtr adaptor = xf86XVAllocateVideoAdaptorRec(driver->scrn);
    DevUnion privates[DISPLAY_VIDEO_PORTS];
    if (!adaptor) return FALSE;
    memset(driver->ports, 0, sizeof driver->ports);
    for (uint32_t n = 0; n < DISPLAY_VIDEO_PORTS; n++) {
        driver->ports[n].driver = driver;
        driver->ports[n].number = n;
        privates[n].ptr = &driver->ports[n];
    }
    adaptor->type = XvWindowMask | XvInputMask | XvImageMask;
    adaptor->flags = VIDEO_OVERLAID_IMAGES;
    adaptor->name = "MediaPod";
    adaptor->nEncodings = 1;
    adaptor->pEncodings = encodings;
    adaptor->nFormats = sizeof formats / sizeof *formats;
    adaptor->pFormats = formats;
    adaptor->nPorts = (int)DISPLAY_VIDEO_PORTS;
    adaptor->pPortPrivates = privates;
    adaptor->nAttributes = sizeof attributes / sizeof *attributes;
    adaptor->pAttributes = attributes;
    adaptor->nImages = sizeof images / sizeof *images;
    adaptor->pImages = images;
    adaptor->StopVideo = stop_video;
    adaptor->SetPortAttribute = set_attribute;
    adaptor->GetPortAttribute = get_attribute;
    adaptor->QueryBestSize = query_best_size;
    adaptor->PutImage = put_image;
    adaptor->ReputImage = reput_image;
    adaptor->QueryImageAttributes = query_image;
    Bool made = xf86XVScreenInit(driver->screen, &adaptor, 1);
    xf86XVFreeVideoAdaptorRec(adaptor); // everything was copied
    return made;
}

void video_close(struct driver *driver) {
    TimerFree(driver->video_timer);
    driver->video_timer = NULL;
    driver->video_timed = FALSE;
}
