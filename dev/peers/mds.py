"""Reads and writes the rows of an MDS directory with mosaicml-streaming, zstd:1 and xxh64. Prints JSON: medians
of CPU seconds, and of seconds by the clock for reading.

python mds.py DIRECTORY OUTPUT
"""
import json, os, shutil, sys, time
from streaming import MDSWriter, StreamingDataset
from streaming.base.util import clean_stale_shared_memory

source, output = sys.argv[1:]
index = json.load(open(f"{source}/index.json"))["shards"][0]
columns = dict(zip(index["column_names"], index["column_encodings"]))
clean_stale_shared_memory()


def read():
    # As on a first epoch: from the compressed shards, hashes checked; the raw copies that it keeps are removed.
    shutil.rmtree(output + "-local", ignore_errors=True)
    clean_stale_shared_memory()
    data = StreamingDataset(remote=source, local=output + "-local", shuffle=False, batch_size=1, validate_hash="xxh64")
    return [data[i] for i in range(len(data))]


def write():
    shutil.rmtree(output, ignore_errors=True)
    with MDSWriter(out=output, columns=columns, compression="zstd:1", hashes=["xxh64"], size_limit=1 << 30) as writer:
        for row in rows:
            writer.write(row)


def medians(call, runs=5):
    """CPU seconds, seconds by the clock."""
    times = []
    for _ in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        call()
        times.append((time.process_time() - cpu, time.perf_counter() - wall))
    return [sorted(kind)[runs // 2] for kind in zip(*times)]


rows = read()
(read_cpu, read_wall), (write_cpu, _) = medians(read), medians(write)
print(json.dumps({"read_seconds": read_cpu, "read_wall_seconds": read_wall, "write_seconds": write_cpu}))
