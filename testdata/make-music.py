#!/usr/bin/env python3
"""Composes and renders testdata/music.mp3: a minute of music, always the same.

    python3 make-music.py | lame --quiet -r -s 44.1 --bitwidth 16 -m j -b 128 - music.mp3

Raw S16_LE stereo at 44.1 kHz on standard output. A noise floor at about -50 dBFS lies under all of it, so that
no two stretches of the decoded music are alike and none of it is digital silence: what a test finds in a
recording it can place to the frame.
"""
import math
import random
import struct
import sys

RATE = 44100
BEAT = 0.5  # s
BARS = 30
CHORDS = [(57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62)]  # Am F C G, MIDI notes
MELODY = [76, 74, 72, 74, 76, 79, 76, 72, 69, 72, 74, 76, 74, 71, 67, 71]


def frequency(note):
    return 440.0 * 2 ** ((note - 69) / 12)


def render(frames):
    left, right = [0.0] * frames, [0.0] * frames

    def tone(start, length, note, level, pan, harmonics, decay):
        step = 2 * math.pi * frequency(note) / RATE
        first = int(start * RATE)
        for n in range(min(int(length * RATE), frames - first)):
            attack = min(1.0, n / 200)
            value = sum(a * math.sin(step * (h + 1) * n) for h, a in enumerate(harmonics))
            value *= level * attack * math.exp(-decay * n / RATE)
            left[first + n] += value * (1 - pan)
            right[first + n] += value * pan

    for bar in range(BARS):
        chord = CHORDS[bar % 4]
        start = bar * 4 * BEAT
        for voice, note in enumerate(chord):
            tone(start, 4 * BEAT, note, 0.10, 0.3 + 0.2 * voice, (1, 0.4, 0.2), 0.6)
        tone(start, 2 * BEAT, chord[0] - 24, 0.22, 0.5, (1, 0.5), 1.2)
        tone(start + 2 * BEAT, 2 * BEAT, chord[0] - 24, 0.22, 0.5, (1, 0.5), 1.2)
        for beat in range(4):
            note = MELODY[(bar * 4 + beat + bar // 8) % len(MELODY)]
            tone(start + beat * BEAT, BEAT * 1.5, note, 0.16, 0.65, (1, 0.3, 0.15, 0.08), 3.0)
    return left, right


def main():
    noise = random.Random(2010)
    frames = int(BARS * 4 * BEAT * RATE)
    left, right = render(frames)
    out = bytearray()
    for n in range(frames):
        # A brush on the second and fourth beat.
        since = (n / RATE + BEAT) % (2 * BEAT)
        brush = 0.08 * math.exp(-since * 18)
        l = left[n] + noise.uniform(-1, 1) * (0.005 + brush)
        r = right[n] + noise.uniform(-1, 1) * (0.005 + brush)
        out += struct.pack("<hh", *(max(-32768, min(32767, round(v * 32767))) for v in (l, r)))
    sys.stdout.buffer.write(out)


main()
