# Makes the clips of this folder: the same 0.6 s of noise and tones in every container that the mutation run damages.
#
#   python make.py            (soundfile 0.14 with libsndfile 1.2.2, numpy 2)
#
# Vorbis and Opus streams carry a random serial number, so those two files differ from run to run.

import numpy as np
import soundfile as sf

rate = 16_000
t = np.arange(int(0.6 * rate)) / rate
random = np.random.default_rng(7)
level = 0.3 + 0.3 * np.sin(2 * np.pi * 5 * t)
x = level * (0.5 * np.sin(2 * np.pi * 180 * t) + 0.3 * np.sin(2 * np.pi * 1250 * t)) + 0.02 * random.standard_normal(t.size)

for name, container, coding in [
    ("pcm.wav", "WAV", "PCM_16"),
    ("float.wav", "WAV", "FLOAT"),
    ("clip.flac", "FLAC", "PCM_16"),
    ("vorbis.ogg", "OGG", "VORBIS"),
    ("opus.ogg", "OGG", "OPUS"),
    ("clip.aiff", "AIFF", "PCM_16"),
    ("clip.caf", "CAF", "PCM_16"),
    ("clip.au", "AU", "PCM_16"),
    ("clip.mp3", "MP3", "MPEG_LAYER_III"),
]:
    sf.write(name, x.astype(np.float32), rate, format=container, subtype=coding)
