// events [grab]: a window over the whole screen that prints what comes to it, a line an event, times left out.
#include "client.h"

#include <X11/XKBlib.h>
#include <X11/extensions/XInput2.h>

static int opcode;

static void print_motion(const XIDeviceEvent *event) {
    printf("motion %d %d", (int)event->root_x, (int)event->root_y);
    const double *value = event->valuators.values;
    for (int n = 0; n < event->valuators.mask_len * 8; n++)
        if (XIMaskIsSet(event->valuators.mask, n)) {
            if (n >= 2) printf(" axis%d %d", n, (int)*value);
            value++;
        }
    printf("\n");
}

static void print_key(const XIDeviceEvent *event) {
    KeySym symbol = NoSymbol;
    unsigned consumed;
    unsigned state = (unsigned)event->mods.effective | (unsigned)event->group.effective << 13;
    XkbLookupKeySym(display, (KeyCode)event->detail, state, &consumed, &symbol);
    const char *name = XKeysymToString(symbol);
    printf("%s %d %s%s\n", event->evtype == XI_KeyPress ? "press" : "release", event->detail, name ? name : "-",
        event->flags & XIKeyRepeat ? " repeat" : "");
}

int main(int count, char **arguments) {
    (void)arguments;
    open_display();
    int event_base, error_base, major = 2, minor = 2;
    if (!XQueryExtension(display, "XInputExtension", &opcode, &event_base, &error_base)) die("no XInput");
    XIQueryVersion(display, &major, &minor);
    XSetWindowAttributes attributes = {.override_redirect = True, .background_pixel = 0x123456};
    Window window = XCreateWindow(display, root, 0, 0, 4000, 4000, 0, CopyFromParent, InputOutput, CopyFromParent,
        CWOverrideRedirect | CWBackPixel, &attributes);
    XSelectInput(display, window, ExposureMask | StructureNotifyMask);
    unsigned char bits[XIMaskLen(XI_LASTEVENT)] = {0};
    XIEventMask mask = {XIAllMasterDevices, sizeof bits, bits};
    XISetMask(bits, XI_KeyPress);
    XISetMask(bits, XI_KeyRelease);
    XISetMask(bits, XI_ButtonPress);
    XISetMask(bits, XI_ButtonRelease);
    XISetMask(bits, XI_Motion);
    XISelectEvents(display, window, &mask, 1);
    XMapRaised(display, window);
    XEvent event;
    do XNextEvent(display, &event);
    while (event.type != Expose);
    XSetInputFocus(display, window, RevertToPointerRoot, CurrentTime);
    if (count > 1) XGrabPointer(display, window, False, ButtonPressMask, GrabModeAsync, GrabModeAsync, None, None, CurrentTime);
    settle();
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        XNextEvent(display, &event);
        if (event.type == MappingNotify) XRefreshKeyboardMapping(&event.xmapping);
        if (event.type != GenericEvent || !XGetEventData(display, &event.xcookie)) continue;
        if (event.xcookie.extension == opcode) {
            const XIDeviceEvent *input = event.xcookie.data;
            switch (input->evtype) {
            case XI_KeyPress:
            case XI_KeyRelease: print_key(input); break;
            case XI_ButtonPress:
            case XI_ButtonRelease:
                printf("%s %d at %d %d%s\n", input->evtype == XI_ButtonPress ? "down" : "up", input->detail,
                    (int)input->root_x, (int)input->root_y, input->flags & XIPointerEmulated ? " emulated" : "");
                break;
            case XI_Motion: print_motion(input); break;
            default: break;
            }
            fflush(stdout);
        }
        XFreeEventData(display, &event.xcookie);
    }
}
