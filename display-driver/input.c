// A keyboard and a pointer whose events come from the viewers' rings.
#include "driver.h"

#include <errno.h>
#include <exevents.h>
#include <stdlib.h>
#include <string.h>
#include <xkbsrv.h>
#include <xserver-properties.h>

enum { BUTTONS = 32, AXES = 4, NOTCH = 120 };
/// Events of one viewer that are dealt with before others have their turn.
enum { EVENTS_AT_ONCE = 64 };
/// What one event may move by at most: pixels, and notches of a wheel.
enum { RELATIVE_MAX = 32767, NOTCHES_MAX = 8 };
/// Room in the server's event queue, and what one event of ours may take of it: a key, a button or a motion with their raw
/// events and a change of device; a notch with the clicks that stand for it, on both axes.
enum { QUEUE = 512, PLAIN_COST = 4, NOTCH_COST = 8 };

// ------------------------------------------------------------------------------------------------- from a viewer

static int32_t clamp(int32_t value, int32_t low, int32_t high) {
    return value < low ? low : value > high ? high : value;
}

// A key that two viewers hold goes down once, and up when both have let go.
static Bool changes(uint8_t *holders, Bool down) {
    if (down) return (*holders)++ == 0;
    return *holders > 0 && --*holders == 0; // none: the device was away, and came back with nothing pressed
}

// The server throws away what its queue has no room for: a key's release among it would leave the key down for ever.
static void make_room(struct driver *driver, uint32_t cost) {
    if (driver->queued + cost > QUEUE / 2) input_flush(driver);
    driver->queued += cost;
}

void input_flush(struct driver *driver) {
    if (driver->queued == 0) return;
    driver->queued = 0;
    ProcessInputEvents();
}

static void post_pointer(struct driver *driver, int type, int button, int flags) {
    make_room(driver, flags & POINTER_RELATIVE ? PLAIN_COST + NOTCHES_MAX * NOTCH_COST : PLAIN_COST + NOTCH_COST);
    input_lock();
    QueuePointerEvents(driver->pointer, type, button, flags, driver->valuators);
    input_unlock();
    valuator_mask_zero(driver->valuators);
}

static void post_key(struct driver *driver, uint32_t code, Bool down) {
    if (!driver->keyboard || !driver->keyboard->enabled) return;
    if (!changes(&driver->key_holders[code], down)) return;
    make_room(driver, PLAIN_COST);
    input_lock();
    QueueKeyboardEvents(driver->keyboard, down ? KeyPress : KeyRelease, (int)code);
    input_unlock();
}

static void post_button(struct driver *driver, uint32_t button, Bool down) {
    if (!driver->pointer || !driver->pointer->enabled) return;
    if (!changes(&driver->button_holders[button], down)) return;
    post_pointer(driver, down ? ButtonPress : ButtonRelease, (int)button, 0);
}

static void key(struct driver *driver, uint32_t slot, uint32_t code, Bool down) {
    struct viewer *viewer = &driver->viewers[slot];
    if (code < 8 || code > 255) return;
    uint8_t *byte = &viewer->keys[code / 8], bit = (uint8_t)(1u << code % 8);
    if (!(*byte & bit) == !down) return; // a host's repeats: the pod's server makes its own
    *byte ^= bit;
    if (down) keymap_use(driver, slot);
    post_key(driver, code, down);
}

static void button(struct driver *driver, uint32_t slot, uint32_t number, Bool down) {
    struct viewer *viewer = &driver->viewers[slot];
    if (number < 1 || number > BUTTONS) return;
    uint32_t bit = 1u << (number - 1);
    if (!(viewer->buttons & bit) == !down) return;
    viewer->buttons ^= bit;
    post_button(driver, number, down);
}

static void motion(struct driver *driver, int32_t x, int32_t y) {
    if (!driver->pointer || !driver->pointer->enabled) return;
    valuator_mask_set(driver->valuators, 0, clamp(x, 0, driver->screen->width - 1));
    valuator_mask_set(driver->valuators, 1, clamp(y, 0, driver->screen->height - 1));
    post_pointer(driver, MotionNotify, 0, POINTER_ABSOLUTE | POINTER_SCREEN);
}

static void relative(struct driver *driver, int first_axis, int32_t x, int32_t y, int32_t most) {
    if (!driver->pointer || !driver->pointer->enabled) return;
    if (x != 0) valuator_mask_set(driver->valuators, first_axis, clamp(x, -most, most));
    if (y != 0) valuator_mask_set(driver->valuators, first_axis + 1, clamp(y, -most, most));
    if (valuator_mask_num_valuators(driver->valuators) > 0)
        post_pointer(driver, MotionNotify, 0, POINTER_RELATIVE);
}

static void take(struct driver *driver, uint32_t slot, const struct display_event *event) {
    switch (event->type) {
    case DISPLAY_EVENT_KEY: key(driver, slot, event->code, event->value != 0); break;
    case DISPLAY_EVENT_BUTTON: button(driver, slot, event->code, event->value != 0); break;
    case DISPLAY_EVENT_MOTION: motion(driver, event->x, event->y); break;
    case DISPLAY_EVENT_RELATIVE: relative(driver, 0, event->x, event->y, RELATIVE_MAX); break;
    case DISPLAY_EVENT_SCROLL: relative(driver, 2, event->x, event->y, NOTCHES_MAX * NOTCH); break;
    case DISPLAY_EVENT_LOCK:
        keymap_use(driver, slot);
        locks_set(driver, event->code, event->value);
        break;
    case DISPLAY_EVENT_RELEASE: input_release(driver, slot); break;
    default: break; // of a later version: its viewer knows that we do not know it
    }
}

static void set_tail(struct driver *driver, uint32_t slot, uint32_t tail) {
    driver->viewers[slot].tail = tail;
    __atomic_store_n(&driver->object->server.echoes[slot].taken, tail, __ATOMIC_RELEASE);
}

Bool input_take(struct driver *driver, uint32_t slot) {
    const struct display_viewer *from = &driver->object->viewers[slot];
    uint32_t head = __atomic_load_n(&from->head, __ATOMIC_ACQUIRE), tail = driver->viewers[slot].tail;
    if (head == tail) return TRUE;
    if (head - tail > DISPLAY_INPUT_EVENTS) {
        // It wrote over what was not read: nobody knows what it holds down.
        input_release(driver, slot);
        set_tail(driver, slot, head);
        return TRUE;
    }
    for (int n = 0; n < EVENTS_AT_ONCE && tail != head; n++) {
        struct display_event event = from->events[tail++ % DISPLAY_INPUT_EVENTS];
        take(driver, slot, &event);
    }
    set_tail(driver, slot, tail);
    return tail == head;
}

void input_release(struct driver *driver, uint32_t slot) {
    struct viewer *viewer = &driver->viewers[slot];
    for (uint32_t code = 8; code < 256; code++)
        if (viewer->keys[code / 8] >> code % 8 & 1u) post_key(driver, code, FALSE);
    for (uint32_t number = 1; number <= BUTTONS; number++)
        if (viewer->buttons >> (number - 1) & 1u) post_button(driver, number, FALSE);
    memset(viewer->keys, 0, sizeof viewer->keys);
    viewer->buttons = 0;
}

void input_drop(struct driver *driver, uint32_t slot) {
    uint32_t head = display_load(&driver->object->viewers[slot].head);
    if (head != driver->viewers[slot].tail) set_tail(driver, slot, head);
}

// ------------------------------------------------------------------------------------------------------ the devices

static void bell(int percent, DeviceIntPtr device, void *control, int class) {
    (void)percent;
    (void)device;
    (void)control;
    (void)class;
    struct driver *driver = the_driver;
    if (!driver || !driver->object) return;
    __atomic_fetch_add(&driver->object->server.bells, 1, __ATOMIC_RELEASE);
    object_tell(driver);
}

static void keyboard_control(DeviceIntPtr device, KeybdCtrl *control) {
    (void)device;
    struct driver *driver = the_driver;
    if (!driver || !driver->object) return;
    uint32_t leds = (uint32_t)control->leds & 7u;
    if (display_load(&driver->object->server.leds) == leds) return;
    display_store(&driver->object->server.leds, leds);
    object_tell(driver);
}

static Bool init_keyboard(DeviceIntPtr device, InputInfoPtr info) {
    XkbRMLVOSet rmlvo;
    XkbGetRulesDflts(&rmlvo);
    const struct {
        const char *option;
        char **value;
    } settings[] = {
        {"XkbRules", &rmlvo.rules},
        {"XkbModel", &rmlvo.model},
        {"XkbLayout", &rmlvo.layout},
        {"XkbVariant", &rmlvo.variant},
        {"XkbOptions", &rmlvo.options},
    };
    for (size_t n = 0; n < sizeof settings / sizeof *settings; n++) {
        char *said = xf86SetStrOption(info->options, settings[n].option, NULL);
        if (!said) continue;
        free(*settings[n].value);
        *settings[n].value = said;
    }
    Bool made = InitKeyboardDeviceStruct(device, &rmlvo, bell, keyboard_control);
    XkbFreeRMLVOSet(&rmlvo, FALSE);
    return made;
}

static Atom atom(const char *name) { return MakeAtom(name, (unsigned)strlen(name), TRUE); }

static void pointer_control(DeviceIntPtr device, PtrCtrl *control) {
    (void)device;
    (void)control; // acceleration is the host's
}

static Bool init_pointer(DeviceIntPtr device) {
    CARD8 map[BUTTONS + 1];
    Atom buttons[BUTTONS] = {0}, axes[AXES];
    for (int n = 0; n <= BUTTONS; n++) map[n] = (CARD8)n;
    static const char *const names[] = {BTN_LABEL_PROP_BTN_LEFT, BTN_LABEL_PROP_BTN_MIDDLE, BTN_LABEL_PROP_BTN_RIGHT,
        BTN_LABEL_PROP_BTN_WHEEL_UP, BTN_LABEL_PROP_BTN_WHEEL_DOWN, BTN_LABEL_PROP_BTN_HWHEEL_LEFT,
        BTN_LABEL_PROP_BTN_HWHEEL_RIGHT, BTN_LABEL_PROP_BTN_BACK, BTN_LABEL_PROP_BTN_FORWARD};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) buttons[n] = atom(names[n]);
    axes[0] = atom(AXIS_LABEL_PROP_REL_X);
    axes[1] = atom(AXIS_LABEL_PROP_REL_Y);
    axes[2] = atom(AXIS_LABEL_PROP_REL_HSCROLL);
    axes[3] = atom(AXIS_LABEL_PROP_REL_VSCROLL);
    if (!InitPointerDeviceStruct((DevicePtr)device, map, BUTTONS, buttons, pointer_control, GetMotionHistorySize(), AXES,
            axes))
        return FALSE;
    // Relative to programs, like a mouse; a viewer's positions are the screen's own, whatever its size.
    for (int n = 0; n < AXES; n++)
        if (!xf86InitValuatorAxisStruct(device, n, axes[n], NO_AXIS_LIMITS, NO_AXIS_LIMITS, 1, 0, 1, Relative))
            return FALSE;
    if (!the_driver->valuators) the_driver->valuators = valuator_mask_new(AXES);
    return the_driver->valuators && SetScrollValuator(device, 2, SCROLL_TYPE_HORIZONTAL, NOTCH, SCROLL_FLAG_NONE) &&
           SetScrollValuator(device, 3, SCROLL_TYPE_VERTICAL, NOTCH, SCROLL_FLAG_PREFERRED);
}

static DeviceIntPtr *place_of(InputInfoPtr info) {
    return strcmp(info->type_name, XI_KEYBOARD) == 0 ? &the_driver->keyboard : &the_driver->pointer;
}

static int control(DeviceIntPtr device, int what) {
    InputInfoPtr info = device->public.devicePrivate;
    Bool is_keyboard = strcmp(info->type_name, XI_KEYBOARD) == 0;
    switch (what) {
    case DEVICE_INIT:
        return (is_keyboard ? init_keyboard(device, info) : init_pointer(device)) ? Success : BadAlloc;
    case DEVICE_ON:
        device->public.on = TRUE;
        if (the_driver) *place_of(info) = device;
        return Success;
    case DEVICE_OFF:
    case DEVICE_CLOSE:
        device->public.on = FALSE;
        if (the_driver && *place_of(info) == device) *place_of(info) = NULL;
        // A device that comes back has nothing pressed.
        if (the_driver && is_keyboard) memset(the_driver->key_holders, 0, sizeof the_driver->key_holders);
        if (the_driver && !is_keyboard) memset(the_driver->button_holders, 0, sizeof the_driver->button_holders);
        return Success;
    default: return BadValue;
    }
}

static int pre_init(InputDriverPtr driver, InputInfoPtr info, int flags) {
    (void)driver;
    (void)flags;
    char *type = xf86SetStrOption(info->options, "Type", NULL);
    Bool is_keyboard = type && strcmp(type, "keyboard") == 0, is_pointer = type && strcmp(type, "pointer") == 0;
    if (!is_keyboard && !is_pointer)
        xf86IDrvMsg(info, X_ERROR, "Option \"Type\" must be \"keyboard\" or \"pointer\"\n");
    free(type);
    if (!is_keyboard && !is_pointer) return BadValue;
    info->type_name = is_keyboard ? XI_KEYBOARD : XI_MOUSE;
    info->device_control = control;
    info->fd = -1;
    return Success;
}

static void un_init(InputDriverPtr driver, InputInfoPtr info, int flags) {
    (void)driver;
    xf86DeleteInput(info, flags);
}

InputDriverRec input_driver = {
    .driverVersion = 1,
    .driverName = DRIVER_NAME,
    .PreInit = pre_init,
    .UnInit = un_init,
};
