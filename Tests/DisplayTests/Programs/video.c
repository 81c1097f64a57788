// video: puts frames to XVideo as it is told, a line each:
//   put PORT FORMAT WIDTH HEIGHT SEED X Y W H [SX SY SW SH]   a frame of random bytes, to that place of the window
//   plain ...                                                the same without shared memory
//   move X Y   size W H   above X Y W H   below              the window, and another one over it
//   attribute PORT VALUE                                     XV_ITURBT_709
//   stop PORT   redirect   unredirect   colour RRGGBB (the next frames are all of that Y, U and V)
// and prints after each the hash of the bytes that it put, and the pixel in the middle of the screen.
#include "client.h"

#include <X11/extensions/XShm.h>
#include <X11/extensions/Xcomposite.h>
#include <X11/extensions/Xvlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static Window window, over;
static GC gc;
static XvPortID first_port;
static int colour[3] = {-1, -1, -1};

static uint64_t hash_bytes(const unsigned char *bytes, size_t count) {
    uint64_t hash = 14695981039346656037u;
    for (size_t n = 0; n < count; n++) hash = (hash ^ bytes[n]) * 1099511628211u;
    return hash;
}

static void fill(XvImage *image, uint64_t seed) {
    random_state = seed * 2654435761u + 1;
    unsigned char *bytes = (unsigned char *)image->data;
    for (int n = 0; n < image->data_size; n++) bytes[n] = (unsigned char)random_below(256);
    if (colour[0] < 0) return;
    if (image->num_planes == 1)
        for (int n = 0; n < image->data_size; n++) bytes[n] = (unsigned char)colour[n % 2 == 0 ? 0 : n % 4 == 1 ? 1 : 2];
    for (int plane = 0; plane < image->num_planes && image->num_planes > 1; plane++) {
        int end = plane + 1 < image->num_planes ? image->offsets[plane + 1] : image->data_size;
        for (int n = image->offsets[plane]; n < end; n++) {
            int part = plane;
            if (image->num_planes == 2 && plane == 1) part = 1 + (n - image->offsets[plane]) % 2;
            if (image->id == 0x32315659 && plane > 0) part = 3 - plane; // YV12 has V first
            bytes[n] = (unsigned char)colour[part];
        }
    }
}

static uint64_t put(const char *line, int shared) {
    int port, width, height, seed, place[8], count;
    char format[8];
    count = sscanf(line, "%*s %d %7s %d %d %d %d %d %d %d %d %d %d %d", &port, format, &width, &height, &seed, place,
        place + 1, place + 2, place + 3, place + 4, place + 5, place + 6, place + 7);
    if (count < 9) die("put what?");
    int id = format[0] | format[1] << 8 | format[2] << 16 | format[3] << 24;
    XShmSegmentInfo segment;
    XvImage *image = shared ? XvShmCreateImage(display, first_port + (XvPortID)port, id, NULL, width, height, &segment)
                            : XvCreateImage(display, first_port + (XvPortID)port, id, NULL, width, height);
    if (!image) die("no image");
    if (shared) {
        segment.shmid = shmget(IPC_PRIVATE, (size_t)image->data_size, IPC_CREAT | 0666);
        segment.shmaddr = image->data = shmat(segment.shmid, NULL, 0);
        segment.readOnly = True;
        XShmAttach(display, &segment);
        XSync(display, False);
        shmctl(segment.shmid, IPC_RMID, NULL);
    } else {
        image->data = malloc((size_t)image->data_size);
    }
    fill(image, (uint64_t)seed);
    uint64_t hash = hash_bytes((unsigned char *)image->data, (size_t)image->data_size);
    if (count < 13) {
        place[4] = place[5] = 0;
        place[6] = width;
        place[7] = height;
    }
    if (shared)
        XvShmPutImage(display, first_port + (XvPortID)port, window, gc, image, place[4], place[5], (unsigned)place[6],
            (unsigned)place[7], place[0], place[1], (unsigned)place[2], (unsigned)place[3], False);
    else
        XvPutImage(display, first_port + (XvPortID)port, window, gc, image, place[4], place[5], (unsigned)place[6],
            (unsigned)place[7], place[0], place[1], (unsigned)place[2], (unsigned)place[3]);
    XSync(display, False);
    if (shared) {
        XShmDetach(display, &segment);
        shmdt(segment.shmaddr);
    } else {
        free(image->data);
    }
    XFree(image);
    return hash;
}

static uint64_t obey(const char *line) {
    int a[4] = {0};
    char word[16] = "";
    sscanf(line, "%15s %d %d %d %d", word, a, a + 1, a + 2, a + 3);
    if (strcmp(word, "put") == 0 || strcmp(word, "plain") == 0) return put(line, word[1] == 'u');
    if (strcmp(word, "move") == 0) XMoveWindow(display, window, a[0], a[1]);
    if (strcmp(word, "size") == 0) XResizeWindow(display, window, (unsigned)a[0], (unsigned)a[1]);
    if (strcmp(word, "above") == 0) {
        XMoveResizeWindow(display, over, a[0], a[1], (unsigned)a[2], (unsigned)a[3]);
        XMapRaised(display, over);
    }
    if (strcmp(word, "below") == 0) XUnmapWindow(display, over);
    if (strcmp(word, "attribute") == 0)
        XvSetPortAttribute(
            display, first_port + (XvPortID)a[0], XInternAtom(display, "XV_ITURBT_709", False), a[1]);
    if (strcmp(word, "stop") == 0) XvStopVideo(display, first_port + (XvPortID)a[0], window);
    if (strcmp(word, "redirect") == 0) XCompositeRedirectWindow(display, window, CompositeRedirectAutomatic);
    if (strcmp(word, "unredirect") == 0) XCompositeUnredirectWindow(display, window, CompositeRedirectAutomatic);
    if (strcmp(word, "colour") == 0) sscanf(line, "%*s %2x%2x%2x", colour, colour + 1, colour + 2);
    return 0;
}

int main(void) {
    open_display();
    unsigned adaptors = 0;
    XvAdaptorInfo *info = NULL;
    if (XvQueryAdaptors(display, root, &adaptors, &info) != Success || adaptors == 0) die("no XVideo");
    first_port = info[0].base_id;
    XSetWindowAttributes attributes = {.override_redirect = True, .background_pixel = 0};
    window = XCreateWindow(display, root, 100, 50, 400, 300, 0, CopyFromParent, InputOutput, CopyFromParent,
        CWOverrideRedirect | CWBackPixel, &attributes);
    attributes.background_pixel = 0xffffff;
    over = XCreateWindow(display, root, 0, 0, 10, 10, 0, CopyFromParent, InputOutput, CopyFromParent,
        CWOverrideRedirect | CWBackPixel, &attributes);
    XMapWindow(display, window);
    gc = XCreateGC(display, window, 0, NULL);
    char line[256], said[64] = "ready";
    settle();
    printf("%s\n", said);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        uint64_t hash = obey(line);
        settle();
        XImage *image = XGetImage(display, root, 300, 200, 1, 1, AllPlanes, ZPixmap);
        printf("%016llx %06lx\n", (unsigned long long)hash, XGetPixel(image, 0, 0) & 0xffffff);
        fflush(stdout);
        XDestroyImage(image);
    }
    return 0;
}
