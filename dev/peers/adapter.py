"""Whether peft reads an adapter of ours as it is: no key missing, none unexpected, the same logits; and whether transformers
reads a (sharded, narrow, merged) checkpoint of ours. For bases in transformers' layout.

    train logits --model BASE --adapter ADAPTER --output ours.safetensors
    python adapter.py BASE ours.safetensors [ADAPTER]
"""
import sys
import warnings

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import HiggsAudioV2ForConditionalGeneration

base, ours = sys.argv[1], load_file(sys.argv[2])
model, told = HiggsAudioV2ForConditionalGeneration.from_pretrained(
    base, use_text_head=True, output_loading_info=True, dtype=torch.float32)
assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys")), told
if len(sys.argv) > 3:
    with warnings.catch_warnings(record=True) as found:  # peft tells missing keys by a warning
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(model, sys.argv[3])
    assert not [w for w in found if "key" in str(w.message).lower()], [str(w.message) for w in found]
    result = model.load_adapter(sys.argv[3], "again")
    missing = [key for key in result.missing_keys if "again" in key]
    assert not missing and not result.unexpected_keys, (missing, result.unexpected_keys)
    model.set_adapter("default")
model.eval()

kinds = ours["kinds"]
assert not (kinds == 1).any(), "a base with references: not this layout"
ids = ours["input_ids"].long().clone()
ids[kinds == 2] = model.config.audio_token_id
codes = ours["audio_out_ids"].long().T[None]  # (1, positions, codebooks)
with torch.no_grad():
    out = model(
        input_ids=ids[None], attention_mask=torch.ones_like(ids)[None], audio_input_ids=codes,
        audio_input_ids_mask=torch.ones(codes.shape[:2], dtype=torch.bool))
logits = out.logits.float().reshape(len(ids), codes.shape[2], -1)
worst = (logits - ours["audio_logits"]).abs().max().item()
print(f"audio logits differ by at most {worst:.2e}, their largest is {logits.abs().max():.2f}")
assert worst < 5e-5 * max(1, logits.abs().max().item())
