// present COUNT: asks Present for the next COUNT ticks one after the other and prints `MSC UST` (µs) of each; then puts a
// pixmap at each of the following ten, and prints their ticks likewise.
#include "client.h"

#include <X11/Xlib-xcb.h>
#include <xcb/present.h>

static xcb_connection_t *connection;
static xcb_special_event_t *queue;

static xcb_present_complete_notify_event_t next(void) {
    xcb_generic_event_t *event;
    for (;;) {
        event = xcb_wait_for_special_event(connection, queue);
        if (!event) die("the server went away");
        if (((xcb_present_generic_event_t *)event)->evtype == XCB_PRESENT_COMPLETE_NOTIFY) break;
        free(event);
    }
    xcb_present_complete_notify_event_t result = *(xcb_present_complete_notify_event_t *)event;
    free(event);
    return result;
}

int main(int count, char **arguments) {
    int ticks = count > 1 ? atoi(arguments[1]) : 60;
    open_display();
    connection = XGetXCBConnection(display);
    Window window = XCreateSimpleWindow(display, root, 10, 10, 64, 64, 0, 0, 0xff00);
    XMapWindow(display, window);
    XSync(display, False);
    const xcb_query_extension_reply_t *extension = xcb_get_extension_data(connection, &xcb_present_id);
    if (!extension || !extension->present) die("no Present");
    uint32_t id = xcb_generate_id(connection);
    xcb_present_select_input(connection, id, (xcb_window_t)window, XCB_PRESENT_EVENT_MASK_COMPLETE_NOTIFY);
    queue = xcb_register_for_special_xge(connection, &xcb_present_id, id, NULL);
    uint64_t target = 0;
    for (int n = 0; n <= ticks; n++) {
        xcb_present_notify_msc(connection, (xcb_window_t)window, (uint32_t)n, target, 0, 0);
        xcb_flush(connection);
        xcb_present_complete_notify_event_t event = next();
        if (n > 0) printf("%llu %llu\n", (unsigned long long)event.msc, (unsigned long long)event.ust);
        fflush(stdout);
        target = event.msc + 1;
    }
    Pixmap pixmap = XCreatePixmap(display, window, 64, 64, 24);
    GC gc = XCreateGC(display, pixmap, 0, NULL);
    for (int n = 0; n < 10; n++) {
        XSetForeground(display, gc, (unsigned long)(n + 1) * 0x101010);
        XFillRectangle(display, pixmap, gc, 0, 0, 64, 64);
        XSync(display, False);
        xcb_present_pixmap(connection, (xcb_window_t)window, (xcb_pixmap_t)pixmap, (uint32_t)n, 0, 0, 0, 0, 0, 0, 0, 0,
            target, 0, 0, 0, NULL);
        xcb_flush(connection);
        xcb_present_complete_notify_event_t event = next();
        printf("%llu %llu\n", (unsigned long long)event.msc, (unsigned long long)event.ust);
        target = event.msc + 1;
    }
    printf("done\n");
    fflush(stdout);
    fgetc(stdin);
    return 0;
}
