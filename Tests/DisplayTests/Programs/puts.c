// puts WAY: puts a picture of WIDTH x HEIGHT into a window at 37,21, by WAY: "plain" (PutImage), "shared" (MIT-SHM) or "pixmap"
// (CopyArea). Prints the screen's hash and waits; then for each line, which changes the picture first:
//
//   same           nothing
//   pixel X Y      one of its pixels
//   all            every one
//   checks         one in every other tile, as on a chessboard, of 64 x 16
//   cover          nothing; but another window covers a part of it first
#include "client.h"

#include <X11/extensions/XShm.h>
#include <sys/ipc.h>
#include <sys/shm.h>

enum { WIDTH = 1000, HEIGHT = 700, LEFT = 37, TOP = 21 };

static Window window;
static GC gc;
static XShmSegmentInfo segment;
static XImage *image;
static Pixmap pixmap;

static uint32_t *pixel(int x, int y) { return (uint32_t *)(void *)image->data + y * WIDTH + x; }

static void change(int x, int y) { *pixel(x, y) = (*pixel(x, y) + 1 + random_below(1000)) & 0xffffff; }

static void put(const char *way) {
    if (strcmp(way, "plain") == 0)
        XPutImage(display, window, gc, image, 0, 0, 0, 0, WIDTH, HEIGHT);
    else if (strcmp(way, "shared") == 0)
        XShmPutImage(display, window, gc, image, 0, 0, 0, 0, WIDTH, HEIGHT, False);
    else {
        XShmPutImage(display, pixmap, gc, image, 0, 0, 0, 0, WIDTH, HEIGHT, False);
        XCopyArea(display, pixmap, window, gc, 0, 0, WIDTH, HEIGHT, 0, 0);
    }
    settle(); // the server has read it
}

int main(int count, char **arguments) {
    if (count != 2) die("usage: puts WAY");
    open_display();
    XSetWindowAttributes attributes = {.override_redirect = True};
    window = XCreateWindow(display, root, LEFT, TOP, WIDTH, HEIGHT, 0, CopyFromParent, InputOutput, CopyFromParent,
        CWOverrideRedirect, &attributes);
    XMapWindow(display, window);
    gc = XCreateGC(display, window, 0, NULL);
    image = XShmCreateImage(display, DefaultVisual(display, 0), 24, ZPixmap, NULL, &segment, WIDTH, HEIGHT);
    segment.shmid = shmget(IPC_PRIVATE, WIDTH * HEIGHT * 4, IPC_CREAT | 0666);
    segment.shmaddr = image->data = shmat(segment.shmid, NULL, 0);
    if (segment.shmaddr == (char *)-1 || !XShmAttach(display, &segment)) die("no shared memory");
    XSync(display, False);
    shmctl(segment.shmid, IPC_RMID, NULL);
    pixmap = XCreatePixmap(display, root, WIDTH, HEIGHT, 24);
    for (int n = 0; n < WIDTH * HEIGHT; n++) *pixel(n, 0) = random_below(1u << 24);
    for (;;) {
        put(arguments[1]);
        char line[256];
        printf("%016llx\n", (unsigned long long)screen_hash());
        fflush(stdout);
        int x, y;
        if (!fgets(line, sizeof line, stdin)) break;
        if (sscanf(line, "pixel %d %d", &x, &y) == 2)
            change(x, y);
        else if (strcmp(line, "all\n") == 0)
            for (int n = 0; n < WIDTH * HEIGHT; n++) change(n, 0);
        else if (strcmp(line, "checks\n") == 0) {
            // Tiles lie on the screen, not in the window.
            for (int tile_y = 2; tile_y * 16 < TOP + HEIGHT - 16; tile_y++)
                for (int tile_x = 1 + tile_y % 2; tile_x * 64 < LEFT + WIDTH - 64; tile_x += 2)
                    change(tile_x * 64 - LEFT + random_in(0, 63), tile_y * 16 - TOP + random_in(0, 15));
        } else if (strcmp(line, "cover\n") == 0) {
            attributes.background_pixel = 0x123456;
            Window other = XCreateWindow(display, root, 300, 200, 100, 300, 0, CopyFromParent, InputOutput, CopyFromParent,
                CWOverrideRedirect | CWBackPixel, &attributes);
            XMapWindow(display, other);
        }
    }
    return 0;
}
