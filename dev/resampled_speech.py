"""Makes Tests/Fixtures/resampled: two seconds of the example's speech at the rates of corpora, and what soxr HQ (1.1.0)
makes of them at 16 kHz, 24 bits.

python dev/resampled_speech.py    in the project's folder; needs numpy, soundfile, soxr
"""
import os
import numpy as np, soundfile, soxr

folder = "Tests/Fixtures/resampled"
os.makedirs(folder, exist_ok=True)
speech, rate = soundfile.read("examples/arabic-mini/audio/badr-ref0.flac", dtype="float64")
speech = speech[: 2 * rate]
for source in [48_000, 44_100]:
    # Up-sampled better than it is sampled down again, then rounded to what the file holds.
    wave = np.round(soxr.resample(speech, rate, source, quality="VHQ") * 32768) / 32768
    soundfile.write(f"{folder}/speech-{source}.flac", wave, source, subtype="PCM_16")
    soundfile.write(f"{folder}/soxr-hq-{source}.flac", soxr.resample(wave, source, 16_000, quality="HQ"), 16_000,
                    subtype="PCM_24")
