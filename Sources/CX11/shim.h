#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <X11/XKBlib.h>
#include <X11/Xatom.h>
#include <X11/Xlib-xcb.h>
#include <X11/Xlib.h>
#include <X11/Xutil.h>
#include <X11/cursorfont.h>
#include <X11/extensions/XKM.h>
// XKBfile.h is not complete without the two before it.
#include <X11/extensions/XKBfile.h>
#include <X11/extensions/XShm.h>
#include <X11/extensions/Xfixes.h>
#include <X11/extensions/Xrandr.h>
#include <X11/extensions/Xrender.h>
#include <X11/extensions/Xv.h>
#include <X11/extensions/Xvlib.h>
#include <X11/extensions/Xvproto.h>
#include <X11/extensions/shmproto.h>
#include <X11/keysym.h>
#include <xcb/shm.h>
#include <xcb/xcb.h>

// Xlib has these as macros, or as variables of types that Swift does not see through.
static inline int cx11_default_screen(Display *display) { return DefaultScreen(display); }
static inline Window cx11_root(Display *display, int screen) { return RootWindow(display, screen); }
static inline int cx11_screen_width(Display *display, int screen) { return DisplayWidth(display, screen); }
static inline int cx11_screen_height(Display *display, int screen) { return DisplayHeight(display, screen); }
static inline unsigned long cx11_black(Display *display, int screen) { return BlackPixel(display, screen); }
static inline int cx11_connection(Display *display) { return ConnectionNumber(display); }
static inline char *cx11_name(Display *display) { return DisplayString(display); }
static inline int cx11_byte_order(Display *display) { return ImageByteOrder(display); }
/// Bytes of the longest request.
static inline size_t cx11_max_request(Display *display) {
    long words = XExtendedMaxRequestSize(display);
    return (size_t)(words > 0 ? words : XMaxRequestSize(display)) * 4;
}

/// MIT-SHM in which a descriptor can be handed over (1.2): 2; without that 1; none 0.
static inline int cx11_shm_level(Display *display) {
    int major = 0, minor = 0;
    Bool pixmaps = False;
    if (!XShmQueryVersion(display, &major, &minor, &pixmaps)) return 0;
    return major > 1 || (major == 1 && minor >= 2) ? 2 : 1;
}

/// Whether the server has the code for shared memory that all of X.Org's servers have (Xorg, Xvfb, Xwayland, Xvnc …): since
/// 1.15, the first with MIT-SHM 1.2, it catches SIGBUS in a file that its owner has cut, and forgets the segment.
static inline int cx11_shm_is_guarded(Display *display) {
    return cx11_shm_level(display) >= 2 && strstr(ServerVendor(display), "X.Org") != NULL;
}

/// Attaches the file of `descriptor` (closed by this call) in the server, which maps all of it. 0, or an X error code.
static inline int cx11_shm_attach(Display *display, ShmSeg segment, int descriptor, int read_only) {
    xcb_connection_t *connection = XGetXCBConnection(display);
    xcb_void_cookie_t cookie =
        xcb_shm_attach_fd_checked(connection, (xcb_shm_seg_t)segment, descriptor, (uint8_t)read_only);
    xcb_generic_error_t *error = xcb_request_check(connection, cookie);
    int code = error ? error->error_code : 0;
    free(error);
    return code;
}

/// The keymap as `xkbcomp :0 -` prints it, allocated; NULL when the server has none.
static inline char *cx11_keymap_text(Display *display, size_t *bytes) {
    XkbFileInfo file = {.type = XkmKeymapFile};
    if (XkbReadFromServer(display, XkbAllComponentsMask & ~XkbGeometryMask, 0, &file) & XkmSymbolsMask) return NULL;
    if (!file.xkb) return NULL;
    char *text = NULL;
    FILE *stream = open_memstream(&text, bytes);
    Bool written = stream && XkbWriteXKBFile(stream, &file, False, NULL, NULL);
    if (stream) fclose(stream);
    XkbFreeKeyboard(file.xkb, XkbAllComponentsMask, True);
    if (written) return text;
    free(text);
    return NULL;
}
