// The cursor is the viewer's to draw: its shape goes into the object, and the server draws nothing, unless the shape is
// larger than the object has room for.
#include "driver.h"

#include <cursorstr.h>
#include <mipointer.h>
#include <stdlib.h>
#include <string.h>

static void publish(struct driver *driver) {
    display_write_cursor(driver->object, &driver->cursor);
    object_tell(driver);
}

// The image is part of the record: both change between two steps of the count.
static void publish_image(struct driver *driver, const uint32_t *pixels) {
    struct display_object *object = driver->object;
    display_sequence_begin(&object->cursor_sequence);
    uint32_t *area = object_at(driver, DISPLAY_CURSOR_OFFSET);
    uint32_t count = driver->cursor.width * driver->cursor.height;
    for (uint32_t n = 0; n < count; n++) __atomic_store_n(&area[n], pixels[n], __ATOMIC_RELAXED);
    driver->cursor.serial++;
    publish(driver);
}

static Bool fits(ScreenPtr screen, CursorPtr cursor) {
    (void)screen;
    return cursor->bits->width <= DISPLAY_MAX_CURSOR && cursor->bits->height <= DISPLAY_MAX_CURSOR;
}

static void set_shape(struct driver *driver, uint32_t width, uint32_t height, uint32_t hot_x, uint32_t hot_y) {
    driver->cursor.width = width;
    driver->cursor.height = height;
    driver->cursor.hot_x = hot_x <= width ? hot_x : width;
    driver->cursor.hot_y = hot_y <= height ? hot_y : height;
}

static Bool load_argb(ScrnInfoPtr scrn, CursorPtr cursor) {
    struct driver *driver = driver_of(scrn);
    const CursorBits *bits = cursor->bits;
    driver->cursor_bits.width = 0;
    set_shape(driver, bits->width, bits->height, bits->xhot, bits->yhot);
    publish_image(driver, bits->argb);
    return TRUE;
}

static unsigned char *realize(xf86CursorInfoPtr info, CursorPtr cursor) {
    (void)info;
    if (cursor == NullCursor) return NULL;
    const CursorBits *bits = cursor->bits;
    uint32_t width = bits->width, height = bits->height, line = (uint32_t)BitmapBytePad(width);
    if (width > DISPLAY_MAX_CURSOR || height > DISPLAY_MAX_CURSOR) return NULL;
    struct cursor_bits *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->width = bits->width;
    made->height = bits->height;
    made->hot_x = bits->xhot;
    made->hot_y = bits->yhot;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++) {
            uint32_t byte = y * line + x / 8, bit = 1u << x % 8; // least significant bit first, wherever we run
            if (bits->mask[byte] & bit) made->pixels[y * width + x] = bits->source[byte] & bit ? 2 : 1;
        }
    return (unsigned char *)made;
}

// The colours follow. A copy, because they may change when the cursor that the bits belong to is long gone.
static Bool load_image(ScrnInfoPtr scrn, unsigned char *bits) {
    memcpy(&driver_of(scrn)->cursor_bits, bits, sizeof(struct cursor_bits));
    return TRUE;
}

static void set_colours(ScrnInfoPtr scrn, int background, int foreground) {
    struct driver *driver = driver_of(scrn);
    const struct cursor_bits *bits = &driver->cursor_bits;
    if (bits->width == 0) return; // an image with colours of its own
    static uint32_t pixels[DISPLAY_MAX_CURSOR * DISPLAY_MAX_CURSOR];
    const uint32_t colours[3] = {0, 0xff000000u | (uint32_t)background, 0xff000000u | (uint32_t)foreground};
    for (uint32_t n = 0; n < (uint32_t)bits->width * bits->height; n++) pixels[n] = colours[bits->pixels[n]];
    set_shape(driver, bits->width, bits->height, bits->hot_x, bits->hot_y);
    publish_image(driver, pixels);
}

static void set_position(ScrnInfoPtr scrn, int x, int y) {
    (void)scrn;
    (void)x;
    (void)y; // published when the server sleeps: cursor_publish
}

static void show(struct driver *driver, uint32_t visible) {
    if (driver->cursor.visible == visible) return;
    driver->cursor.visible = visible;
    publish(driver);
}

static Bool show_cursor(ScrnInfoPtr scrn) {
    show(driver_of(scrn), 1);
    return TRUE;
}

static void hide_cursor(ScrnInfoPtr scrn) { show(driver_of(scrn), 0); }

void cursor_publish(struct driver *driver) {
    int x = 0, y = 0;
    if (!inputInfo.pointer) return;
    miPointerGetPosition(inputInfo.pointer, &x, &y);
    uint64_t position = (uint64_t)(uint32_t)x | (uint64_t)(uint32_t)y << 32;
    uint64_t *word = &driver->object->server.pointer;
    if (*word == position) return;
    __atomic_store_n(word, position, __ATOMIC_RELAXED);
    object_tell(driver);
}

Bool cursor_init(struct driver *driver) {
    xf86CursorInfoPtr info = xf86CreateCursorInfoRec();
    if (!info) return FALSE;
    driver->cursor_info = info;
    memset(&driver->cursor, 0, sizeof driver->cursor);
    info->Flags = HARDWARE_CURSOR_ARGB | HARDWARE_CURSOR_UPDATE_UNHIDDEN;
    info->MaxWidth = info->MaxHeight = (int)DISPLAY_MAX_CURSOR;
    info->UseHWCursor = info->UseHWCursorARGB = fits;
    info->RealizeCursor = realize;
    info->LoadCursorImageCheck = load_image;
    info->LoadCursorARGBCheck = load_argb;
    info->SetCursorColors = set_colours;
    info->SetCursorPosition = set_position;
    info->ShowCursorCheck = show_cursor;
    info->HideCursor = hide_cursor;
    return xf86InitCursor(driver->screen, info);
}

void cursor_close(struct driver *driver) {
    if (driver->cursor_info) xf86DestroyCursorInfoRec(driver->cursor_info);
    driver->cursor_info = NULL;
}
