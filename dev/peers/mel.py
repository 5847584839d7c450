"""Log-mel of 30 s on one thread, 128 bins: transformers' and librosa's. Prints JSON: median seconds of each."""
import json, time
import librosa, numpy as np, torch
from transformers import WhisperFeatureExtractor

torch.set_num_threads(1)
wave = np.random.default_rng(0).standard_normal(480000).astype(np.float32) * 0.1
extract = WhisperFeatureExtractor(feature_size=128)


def median(call, runs=15):
    call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[runs // 2]


print(json.dumps({
    "transformers_seconds": median(lambda: extract(wave, sampling_rate=16000, return_tensors="np")),
    "librosa_seconds": median(lambda: librosa.feature.melspectrogram(
        y=wave, sr=16000, n_fft=400, hop_length=160, n_mels=128)),
}))
