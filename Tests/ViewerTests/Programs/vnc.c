// A VNC client, by libvncclient: vnc PORT PASSWORD. A command a line: "picture" says "WIDTH HEIGHT HASH" of what it shows;
// "key CODE" presses and lets go a keysym (hex); "click X Y BUTTONS".
#include <poll.h>
#include <rfb/rfbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *password;
static char *give_password(rfbClient *client) {
    (void)client;
    return strdup(password);
}
static void quiet(const char *format, ...) { (void)format; }

static void say_picture(rfbClient *client) {
    uint64_t hash = 14695981039346656037u;
    for (int n = 0; n < client->width * client->height; n++)
        hash = (hash ^ (((uint32_t *)client->frameBuffer)[n] & 0xffffff)) * 1099511628211u;
    printf("%d %d %016llx\n", client->width, client->height, (unsigned long long)hash);
}

int main(int count, char **arguments) {
    if (count != 3) return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    rfbClientLog = rfbClientErr = quiet;
    password = arguments[2];
    rfbClient *client = rfbGetClient(8, 3, 4);
    client->GetPassword = give_password;
    client->format.redShift = 16;
    client->format.greenShift = 8;
    client->format.blueShift = 0;
    client->canHandleNewFBSize = TRUE;
    client->appData.useRemoteCursor = TRUE;
    client->appData.encodingsString = "zlib raw";
    client->serverHost = strdup("127.0.0.1");
    client->serverPort = atoi(arguments[1]);
    if (!rfbInitClient(client, NULL, NULL)) {
        puts("refused");
        return 1;
    }
    puts("connected");
    char line[256];
    for (;;) {
        int ready = WaitForMessage(client, 20000);
        if (ready < 0 || (ready > 0 && !HandleRFBServerMessage(client))) return 1;
        struct pollfd input = {.fd = 0, .events = POLLIN};
        if (poll(&input, 1, 0) <= 0) continue;
        if (!fgets(line, sizeof line, stdin)) return 0;
        unsigned key, buttons;
        int x, y;
        if (strncmp(line, "picture", 7) == 0) say_picture(client);
        if (sscanf(line, "key %x", &key) == 1) {
            SendKeyEvent(client, key, TRUE);
            SendKeyEvent(client, key, FALSE);
        }
        if (sscanf(line, "click %d %d %u", &x, &y, &buttons) == 3) {
            SendPointerEvent(client, x, y, 0);
            SendPointerEvent(client, x, y, (int)buttons);
            SendPointerEvent(client, x, y, 0);
        }
    }
}
