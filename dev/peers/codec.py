"""Encodes audio files with transformers' Higgs Audio v2 tokenizer on all cores. Prints JSON: seconds.

python codec.py CHECKPOINT PATTERN
"""
import glob, json, os, sys, time
import soundfile, torch
from transformers import HiggsAudioV2TokenizerModel

torch.set_num_threads(os.cpu_count())
start = time.perf_counter()
model = HiggsAudioV2TokenizerModel.from_pretrained(sys.argv[1]).eval()
loaded = time.perf_counter()
with torch.no_grad():
    for path in sorted(glob.glob(sys.argv[2])):
        wave = torch.from_numpy(soundfile.read(path, dtype="float32")[0])
        model.encode(wave[None, None])
print(json.dumps({"load_seconds": loaded - start, "encode_seconds": time.perf_counter() - loaded}))
