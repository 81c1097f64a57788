// Plays a file through a JACK server, to the ports that the server has for its device.
#include "sound_file.h"

#include <jack/jack.h>
#include <stdatomic.h>
#include <time.h>

static jack_port_t *ports[CHANNELS];
static atomic_uint silent_periods;

static int fill(jack_nframes_t frames, void *context) {
    float *left = (float *)jack_port_get_buffer(ports[0], frames), *right = (float *)jack_port_get_buffer(ports[1], frames);
    int16_t samples[frames * CHANNELS];
    memset(samples, 0, sizeof samples);
    // What is played before both ports are connected is heard by nobody.
    if (jack_port_connected(ports[0]) && jack_port_connected(ports[1]) &&
        !next_frames((struct sound_file *)context, samples, frames))
        atomic_fetch_add(&silent_periods, 1);
    // jackd multiplies by this to get 16 bits.
    for (jack_nframes_t i = 0; i < frames; i++) {
        left[i] = (float)samples[i * 2] / 32767.0f;
        right[i] = (float)samples[i * 2 + 1] / 32767.0f;
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count != 3) fail(arguments[0], "SERVER FILE");
    struct sound_file sound = read_sound(arguments[2]);
    jack_client_t *client = jack_client_open("play", JackNoStartServer | JackServerName, NULL, arguments[1]);
    if (!client) fail("JACK: no server", arguments[1]);
    ports[0] = jack_port_register(client, "left", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    ports[1] = jack_port_register(client, "right", JACK_DEFAULT_AUDIO_TYPE, JackPortIsOutput, 0);
    if (!ports[0] || !ports[1] || jack_set_process_callback(client, fill, &sound) || jack_activate(client))
        fail("JACK", "no ports");
    if (jack_connect(client, "play:left", "system:playback_1") || jack_connect(client, "play:right", "system:playback_2"))
        fail("JACK", "cannot connect to the device's ports");
    // Closing drops what the server has not taken yet.
    while (atomic_load(&silent_periods) < 16) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    jack_client_close(client);
    return 0;
}
