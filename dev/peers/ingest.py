"""What ingest does, in a Python loop: json, tokenizers, soundfile, MDSWriter at zstd:1. One thread.

python ingest.py MANIFEST TOKENIZER_JSON OUTPUT    prints JSON: rows, CPU and wall seconds, loading the vocabulary aside
"""
import json, os, shutil, sys, time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
import numpy as np, soundfile
from streaming import MDSWriter
from tokenizers import Tokenizer

manifest, vocabulary, output = sys.argv[1:]
tokenizer = Tokenizer.from_file(vocabulary)
folder = os.path.dirname(manifest)
shutil.rmtree(output, ignore_errors=True)
cpu, wall, rows = time.process_time(), time.perf_counter(), 0


def encode(text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def prepare(row):
    """Ids and labels of the conversation, its clips one after another, each decoded to its end."""
    ids, labels, audio, offsets = encode("<|begin_of_text|>"), [-100], b"", [0]
    for message in row["messages"]:
        is_answer = message["role"] == "assistant"
        head = encode(f"<|start_header_id|>{message['role']}<|end_header_id|>\n\n")
        content = message["content"]
        body = []
        for item in content if isinstance(content, list) else [{"type": "text", "text": content}]:
            if item["type"] == "text":
                body += encode(item["text"])
                continue
            path = os.path.join(folder, item["audio_url"])
            samples, rate = soundfile.read(path, dtype="float32")
            assert len(samples) >= 0.5 * rate and np.isfinite(samples).all() and np.abs(samples).max() >= 0.001
            audio += open(path, "rb").read()
            offsets.append(len(audio))
            body += encode("<|audio_out_bos|><|AUDIO_OUT|><|audio_eos|>" if is_answer
                           else "<|audio_bos|><|AUDIO|><|audio_eos|>")
        body += encode("<|eot_id|>")
        ids += head + body
        labels += [-100] * len(head) + (body if is_answer else [-100] * len(body))
    return {"id": row["id"], "input_ids": np.array(ids, np.int32), "label_ids": np.array(labels, np.int32),
            "conversation": row["messages"], "audio": audio, "audio_offsets": np.array(offsets, np.int64)}


columns = {"id": "str", "input_ids": "ndarray:int32", "label_ids": "ndarray:int32", "conversation": "json",
           "audio": "bytes", "audio_offsets": "ndarray:int64"}
with MDSWriter(out=output, columns=columns, compression="zstd:1", hashes=["xxh64"], size_limit=1 << 26) as writer:
    for line in open(manifest, encoding="utf-8"):
        writer.write(prepare(json.loads(line)))
        rows += 1
print(json.dumps({"rows": rows, "cpu_seconds": time.process_time() - cpu, "wall_seconds": time.perf_counter() - wall}))
