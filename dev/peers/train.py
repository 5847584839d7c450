"""Full training of a Higgs Audio v2 model of 56.7 million parameters with PyTorch, on all cores: what `train benchmark`
does with the same shapes. Prints JSON: median tokens a second in float32, and peak memory.

python train.py [STEPS]
"""
import json, os, resource, sys, time
import torch
from transformers import HiggsAudioV2Config, HiggsAudioV2ForConditionalGeneration

steps = int(sys.argv[1]) if len(sys.argv) > 1 else 6
books, codes = 8, 1024
torch.manual_seed(0)
torch.set_num_threads(os.cpu_count())
config = HiggsAudioV2Config(
    vocab_size=4096, hidden_size=512, intermediate_size=1536, num_hidden_layers=8, num_attention_heads=8,
    num_key_value_heads=4, head_dim=64, codebook_size=codes + 2, num_codebooks=books, audio_token_id=4000,
    audio_delay_token_id=4001, audio_bos_token_id=4002, pad_token_id=4003, eos_token_id=4004, bos_token_id=4005,
    audio_stream_bos_id=codes, audio_stream_eos_id=codes + 1, tie_word_embeddings=False)
model = HiggsAudioV2ForConditionalGeneration(config, use_text_head=True).float()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)


def row(number):
    """Ids and labels of the expanded sequence, delayed codes and their labels."""
    before, frames = 90 + 5 * number, 330 + 6 * number
    positions = frames + 2 + books - 1
    first, last = torch.randint(0, 3900, (before,)), torch.randint(0, 3900, (30,))
    ids = torch.cat([first, torch.tensor([4002]), torch.full((positions,), 4000), last])
    labels = torch.cat([torch.full((before + 1 + positions,), -100), last])
    raw = torch.randint(0, codes, (books, frames))
    delayed, targets = torch.full((positions, books), codes + 1), torch.full((positions, books), -100)
    for k in range(books):
        delayed[: k + 1, k] = codes
        delayed[k + 1 : k + 1 + frames, k] = targets[k + 1 : k + 1 + frames, k] = raw[k]
        targets[k + 1 + frames, k] = codes + 1
    return ids, labels, delayed, targets


def batch(rows):
    def padded(parts, value):
        return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=value)

    ids, labels, delayed, targets = zip(*rows)
    ones = [torch.ones(len(part), dtype=torch.long) for part in ids]
    inputs = dict(
        input_ids=padded(ids, 4003), labels=padded(labels, -100), audio_input_ids=padded(delayed, codes + 1),
        audio_labels=padded(targets, -100), attention_mask=padded(ones, 0),
        audio_input_ids_mask=padded([torch.ones(len(part), dtype=torch.bool) for part in delayed], False))
    return inputs, sum(map(len, ids))


batches = [batch([row(n) for n in range(4)]), batch([row(n) for n in range(4, 8)])]
rates = []
for step in range(steps + 2):  # the first two pay for fresh memory
    inputs, tokens = batches[step % 2]
    start = time.perf_counter()
    model(**inputs).loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    if step >= 2:
        rates.append(tokens / (time.perf_counter() - start))
print(json.dumps({
    "tokens_per_second": sorted(rates)[len(rates) // 2], "parameters": sum(p.numel() for p in model.parameters()),
    "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
