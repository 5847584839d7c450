"""Writes Llama 3's vocabulary, which the package llama-models holds in tiktoken's form, as a tokenizer.json.

python vocabulary.py OUTPUT    prints JSON: the number of entries

128,000 entries, 280,147 merges, and as many added tokens as Llama 3 has, the ones of Higgs Audio v2 among them.
"""
import json, os, sys
import llama_models.llama3 as llama3
from transformers.convert_slow_tokenizer import TikTokenConverter

pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
           r"|\s*[\r\n]+|\s+(?!\S)|\s+")
special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>",
           "<|eot_id|>", "<|audio_bos|>", "<|audio_eos|>", "<|audio_out_bos|>", "<|AUDIO|>", "<|AUDIO_OUT|>",
           "<|recipient|>"]
special += [f"<|reserved_special_token_{number}|>" for number in range(256 - len(special))]
model = os.path.join(os.path.dirname(llama3.__file__), "tokenizer.model")
tokenizer = TikTokenConverter(model, pattern=pattern, extra_special_tokens=special).converted()
tokenizer.save(sys.argv[1])
print(json.dumps({"entries": tokenizer.get_vocab_size(with_added_tokens=True)}))
