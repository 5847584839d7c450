#!/usr/bin/env bash
# Writes a manifest of many small rows, to see how ingest scales with rows and where a killed run goes on: JSONL of some
# 1,440 bytes a row, mostly a note in misc; every row names one clip of 50 ms.
#
#   dev/many-rows.sh 1000000 /tmp/rows
#   /usr/bin/time -v ingest --data-path /tmp/rows/manifest.jsonl --output /tmp/rows/work --min-duration 0.04 --quiet
set -euo pipefail
[ $# -eq 2 ] || { echo "usage: dev/many-rows.sh ROWS DIR" >&2; exit 2; }
rows=$1 dir=$2
mkdir -p "$dir"
{
    # RIFF, 16 kHz, mono, 16 bits, 800 samples of a square wave of 400 Hz.
    printf 'RIFF\x64\x06\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\x00\x7d\0\0\x02\0\x10\0data\x40\x06\0\0'
    for _ in {1..20}; do
        for _ in {1..20}; do printf '\x40\x1f'; done
        for _ in {1..20}; do printf '\xc0\xe0'; done
    done
} >"$dir/clip.wav"
awk -v rows="$rows" 'BEGIN {
    for (i = 0; i < 85; i++) note = note "note " i % 10 " of it; "
    for (row = 1; row <= rows; row++)
        printf "{\"id\": \"row-%07d\", \"speaker\": \"speaker-%d\", \"messages\": [{\"role\": \"user\", \"content\": \"text %d\"}, " \
            "{\"role\": \"assistant\", \"content\": [{\"type\": \"text\", \"text\": \"text %d\"}, " \
            "{\"type\": \"audio\", \"audio_url\": \"clip.wav\"}]}], \"misc\": {\"note\": \"%s\"}}\n", row, row % 97, row, row, note
}' >"$dir/manifest.jsonl"
