"""Speech that is known: so many sentences, and silence between them."""

import io
import subprocess
import wave

SENTENCES = ["Shall I open the window", "It is a lovely day", "Would you like some tea", "Let us go for a walk"]
# More than the pause that ends an utterance, also where a busy machine hears late.
SILENCE_S = 2


def spoken(sentence):
    """16-bit samples of one channel, and so many a second."""
    command = ["espeak-ng", "-a", "180", "--stdout", sentence]
    # Written to a pipe, its header does not know how long it is: whatever comes is read.
    with wave.open(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout)) as sound:
        return sound.getframerate(), sound.readframes(sound.getnframes())


def dialogue():
    """All sentences, as a WAV file."""
    written = io.BytesIO()
    with wave.open(written, "wb") as sound:
        rate, _ = spoken(SENTENCES[0])
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        silence = bytes(2 * rate * SILENCE_S)
        sound.writeframes(silence + silence.join(spoken(sentence)[1] for sentence in SENTENCES) + silence)
    return written.getvalue()
