#!/bin/sh
# dialogue.sh FILE SECONDS: a film with a spoken dialogue, a pause after each sentence, and a moving picture.
set -eu
film=$1 seconds=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A second of silence between the sentences ends each utterance; espeak-ng speaks each about two seconds long.
count=0
while IFS= read -r sentence; do
    count=$((count + 1))
    espeak-ng -a 180 -v "en+m$((count % 4 + 1))" -w "$work/$count.wav" "$sentence"
done <<'SENTENCES'
Good morning. How did you sleep?
Quite well, thank you.
Would you like some tea?
Yes please, with a little milk.
Shall I open the window?
Only if it is warm outside.
It is a lovely day.
Then let us go for a walk.
SENTENCES

python3 - "$work" "$count" "$seconds" "$work/dialogue.wav" <<'PYTHON'
import sys, wave
folder, count, seconds, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
spoken = []
for n in range(1, count + 1):
    with wave.open(f"{folder}/{n}.wav") as sentence:
        rate, frames = sentence.getframerate(), sentence.readframes(sentence.getnframes())
    spoken.append(frames)
length, pause, sound, n = seconds * rate * 2, bytes(int(rate * 1.2) * 2), bytes(rate * 2), 0
while len(sound) + len(spoken[n % count]) + len(pause) <= length:
    sound += spoken[n % count] + pause
    n += 1
with wave.open(out, "wb") as dialogue:
    dialogue.setparams((1, 2, rate, 0, "NONE", ""))
    dialogue.writeframes(sound.ljust(length, b"\0"))
PYTHON

gst-launch-1.0 -q matroskamux name=film ! filesink location="$film" \
    filesrc location="$work/dialogue.wav" ! wavparse ! queue ! film. \
    videotestsrc num-buffers=$((seconds * 24)) pattern=ball animation-mode=frames background-color=0xff1d3557 foreground-color=0xffffb703 \
    ! video/x-raw,format=I420,width=640,height=480,framerate=24/1 \
    ! x264enc speed-preset=ultrafast key-int-max=48 ! queue ! film.
