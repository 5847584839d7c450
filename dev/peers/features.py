"""What featurize does, in Python: soundfile, soxr HQ, transformers' WhisperFeatureExtractor, MDSWriter at zstd:1.

python features.py DIRECTORY_OF_AUDIO OUTPUT    one thread; prints JSON: seconds of audio, CPU and wall seconds
"""
import glob, json, os, shutil, sys, time

os.environ["OMP_NUM_THREADS"] = "1"
import numpy as np, soundfile, soxr, torch
from streaming import MDSWriter
from transformers import WhisperFeatureExtractor

torch.set_num_threads(1)
extract = WhisperFeatureExtractor(feature_size=128)
files = sorted(glob.glob(sys.argv[1]))
shutil.rmtree(sys.argv[2], ignore_errors=True)
cpu, wall, seconds = time.process_time(), time.perf_counter(), 0.0
with MDSWriter(out=sys.argv[2], columns={"id": "str", "audio_features": "ndarray:float16"}, compression="zstd:1",
               hashes=["xxh64"], size_limit=1 << 26) as writer:
    for path in files:
        wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
        seconds += len(wave) / rate
        wave = soxr.resample(wave.mean(1), rate, 16000, quality="HQ")
        mel = extract(wave, sampling_rate=16000, return_tensors="np").input_features[0]
        frames = min(3000, -(-len(wave) // 160) + 2)
        writer.write({"id": os.path.basename(path), "audio_features": mel[:, :frames].astype(np.float16)})
print(json.dumps({"audio_seconds": seconds, "cpu_seconds": time.process_time() - cpu,
                  "wall_seconds": time.perf_counter() - wall}))
