"""Reads and writes the rows of an MDS directory with mosaicml-streaming, zstd:1 and xxh64: by index, and by iteration as a
training loop does. Prints JSON: medians of CPU seconds and of seconds by the clock.

python mds.py DIRECTORY OUTPUT
"""
import json, os, shutil, sys, time
from streaming import MDSWriter, StreamingDataset
from streaming.base.util import clean_stale_shared_memory

source, output = sys.argv[1:]
index = json.load(open(f"{source}/index.json"))["shards"][0]
columns = dict(zip(index["column_names"], index["column_encodings"]))
local = output + "-local"


def fresh():
    """Compressed shards in a local directory, as before a first epoch: the raw copies that reading leaves are gone."""
    shutil.rmtree(local, ignore_errors=True)
    shutil.copytree(source, local)
    clean_stale_shared_memory()


def dataset():
    return StreamingDataset(local=local, shuffle=False, batch_size=1, validate_hash="xxh64")


def by_index():
    data = dataset()
    return [data[i] for i in range(len(data))]


def by_iteration():
    for row in dataset():
        pass


def write():
    with MDSWriter(out=output, columns=columns, compression="zstd:1", hashes=["xxh64"], size_limit=1 << 30) as writer:
        for row in rows:
            writer.write(row)


def medians(name, call, before, runs=5):
    times = []
    for _ in range(runs):
        before()
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    cpu, wall = (sorted(kind)[runs // 2] for kind in zip(*times))
    return {f"{name}_cpu_seconds": cpu, f"{name}_wall_seconds": wall}


fresh()
rows = by_index()
print(
    json.dumps(
        medians("index", by_index, fresh)
        | medians("iteration", by_iteration, fresh)
        | medians("write", write, lambda: shutil.rmtree(output, ignore_errors=True))
    )
)
