#include "CVNC.h"

#include <arpa/inet.h>
#include <rfb/rfb.h>
#include <stdlib.h>
#include <string.h>

struct cvnc {
    rfbScreenInfoPtr screen;
    struct cvnc_events events;
    char password[9];
    char *passwords[2];
    int clients;
};

static struct cvnc *of(rfbClientPtr client) { return client->screen->screenData; }

static void key(rfbBool is_down, rfbKeySym keysym, rfbClientPtr client) {
    of(client)->events.key(of(client)->events.context, keysym, is_down);
}

static void pointer(int buttons, int x, int y, rfbClientPtr client) {
    of(client)->events.pointer(of(client)->events.context, x, y, (uint32_t)buttons & 0xffu);
}

static void gone(rfbClientPtr client) {
    struct cvnc *vnc = of(client);
    vnc->events.clients(vnc->events.context, --vnc->clients);
}

static enum rfbNewClientAction came(rfbClientPtr client) {
    struct cvnc *vnc = of(client);
    client->clientGoneHook = gone;
    vnc->events.clients(vnc->events.context, ++vnc->clients);
    return RFB_CLIENT_ACCEPT;
}

static void say_nothing(const char *format, ...) { (void)format; }

struct cvnc *cvnc_open(const char *name, int port, const char *password, void *pixels, int width, int height,
                       const struct cvnc_events *events) {
    rfbLog = rfbErr = say_nothing;
    struct cvnc *vnc = calloc(1, sizeof *vnc);
    rfbScreenInfoPtr screen = vnc ? rfbGetScreen(NULL, NULL, width, height, 8, 3, 4) : NULL;
    if (!screen) {
        free(vnc);
        return NULL;
    }
    vnc->screen = screen;
    vnc->events = *events;
    strncpy(vnc->password, password, 8);
    vnc->passwords[0] = vnc->password;
    screen->screenData = vnc;
    screen->desktopName = strdup(name);
    screen->frameBuffer = pixels;
    screen->serverFormat.redShift = 16;
    screen->serverFormat.greenShift = 8;
    screen->serverFormat.blueShift = 0;
    screen->port = port;
    screen->autoPort = FALSE;
    screen->ipv6port = -1;
    screen->listenInterface = htonl(INADDR_LOOPBACK);
    screen->authPasswdData = vnc->passwords;
    screen->passwordCheck = rfbCheckPasswordByList;
    screen->alwaysShared = TRUE;
    screen->deferUpdateTime = 0;
    screen->cursor = NULL;
    screen->kbdAddEvent = key;
    screen->ptrAddEvent = pointer;
    screen->newClientHook = came;
    rfbInitServer(screen);
    if (screen->listenSock >= 0) return vnc;
    cvnc_close(vnc);
    return NULL;
}

void cvnc_resize(struct cvnc *vnc, void *pixels, int width, int height) {
    rfbNewFramebuffer(vnc->screen, pixels, width, height, 8, 3, 4);
    vnc->screen->serverFormat.redShift = 16;
    vnc->screen->serverFormat.greenShift = 8;
    vnc->screen->serverFormat.blueShift = 0;
    rfbClientIteratorPtr clients = rfbGetClientIterator(vnc->screen);
    rfbClientPtr client;
    while ((client = rfbClientIteratorNext(clients))) rfbSetTranslateFunction(client);
    rfbReleaseClientIterator(clients);
}

void cvnc_changed(struct cvnc *vnc, int x1, int y1, int x2, int y2) {
    rfbMarkRectAsModified(vnc->screen, x1, y1, x2, y2);
}

void cvnc_cursor(struct cvnc *vnc, const uint32_t *pixels, int width, int height, int hot_x, int hot_y) {
    rfbCursorPtr cursor = calloc(1, sizeof *cursor);
    if (!cursor) return;
    int line = (width + 7) / 8;
    cursor->cleanup = cursor->cleanupSource = cursor->cleanupMask = cursor->cleanupRichSource = TRUE;
    cursor->width = (unsigned short)width;
    cursor->height = (unsigned short)height;
    cursor->xhot = (unsigned short)hot_x;
    cursor->yhot = (unsigned short)hot_y;
    cursor->mask = calloc((size_t)line, (size_t)height + 1);
    cursor->source = calloc((size_t)line, (size_t)height + 1);
    uint32_t *rich = calloc((size_t)width * (size_t)height + 1, 4);
    cursor->richSource = (unsigned char *)rich;
    if (cursor->mask && cursor->source && rich && pixels) {
        for (int y = 0; y < height; y++)
            for (int x = 0; x < width; x++) {
                uint32_t pixel = pixels[y * width + x];
                rich[y * width + x] = pixel & 0xffffffu;
                if (pixel >> 24 >= 128) cursor->mask[y * line + x / 8] |= (unsigned char)(0x80 >> (x & 7));
            }
    }
    rfbSetCursor(vnc->screen, cursor);
}

void cvnc_run(struct cvnc *vnc, long microseconds) { rfbProcessEvents(vnc->screen, microseconds); }

void cvnc_close(struct cvnc *vnc) {
    rfbShutdownServer(vnc->screen, TRUE);
    vnc->screen->frameBuffer = NULL;
    rfbScreenCleanup(vnc->screen);
    free(vnc);
}
