#!/usr/bin/env bash
# Fuzzes the parsers with libFuzzer, which the Swift toolchain brings along: coverage leads it to what no seed shows.
#
#   dev/fuzz/run.sh                    every target, two minutes each
#   dev/fuzz/run.sh 600 shard yaml     some of them, ten minutes each
#   dev/fuzz/run.sh 0 yaml FILE        one input again
#   dev/fuzz/run.sh build              nothing but the build, so that continuous integration sees it break
#
# Copies of the sources, corpora and findings lie in .build-fuzz. An input that ends the program is a finding: fix what it
# shows and put the input into a test.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD build=$PWD/.build-fuzz
seconds=${1:-120}
shift || true

# A package of copies: the readers of ingest and train, which no other package may import, lie beside the harness in one module.
package=$build/package
mkdir -p "$package/Sources/fuzz"
cp -u dev/fuzz/Package.swift "$package/"
for module in PipelineKit CFLAC COgg CVorbis CSndfile CSamplerate COpenBLAS CZstd CXXHash CZlib CMalloc CSpin; do
    rm -rf "${package:?}/Sources/$module"
    cp -rp "Sources/$module" "$package/Sources/"
done
rm -rf "${package:?}/Sources/fuzz"
mkdir -p "$package/Sources/fuzz"
cp -p dev/fuzz/Harness.swift Sources/ingest/{RowParser,Reject,ManifestReader}.swift "$package/Sources/fuzz/"
cp -rp Sources/train "$package/Sources/fuzz/"
rm "$package/Sources/fuzz/train/TrainCommand.swift"  # its main; libFuzzer has one
swift build --package-path "$package" -c release -Xswiftc -sanitize=fuzzer >"$build/build.log" 2>&1 || {
    grep -E "error" "$build/build.log" | sort -u >&2
    exit 1
}
[ "$seconds" != build ] || exit 0
fuzz=$package/.build/release/fuzz

export SAWT_TOKENIZER=$root/Tests/Fixtures/text/tokenizer.json ASAN_OPTIONS=detect_leaks=0 SWIFT_BACKTRACE=enable=no
if [ "$seconds" = 0 ]; then
    SAWT_FUZZ=$1 exec "$fuzz" "$2"
fi

# Seeds: what the tests have.
seeds() {
    local to=$build/corpus/$1
    mkdir -p "$to"
    case $1 in
    json | row) split -l 1 Tests/Fixtures/chatml/manifest.jsonl "$to/seed-" ;;
    manifest) cp Tests/Fixtures/streams/* "$to/"; head -c 4000 examples/arabic-mini/manifest.json >"$to/array" ;;
    tokenizer) cp Tests/Fixtures/text/tokenizer.json "$to/" ;;
    text) split -l 8 Tests/Fixtures/text/cases.jsonl "$to/seed-" ;;
    index) cp Tests/Fixtures/mds/plain/index.json "$to/plain"; cp Tests/Fixtures/mds/zstd/index.json "$to/zstd" ;;
    shard) cp Tests/Fixtures/mds/plain/shard.00003.mds "$to/" ;;
    safetensors) cp Tests/Fixtures/hf/batch.safetensors "$to/" ;;
    yaml) cp configs/*.yaml "$to/" ;;
    esac
}

targets=("$@")
[ $# -gt 0 ] || targets=(json row manifest tokenizer text index shard safetensors yaml)
status=0
for target in "${targets[@]}"; do
    seeds "$target"
    mkdir -p "$build/findings"
    dictionary=()
    case $target in json | row | manifest | index | tokenizer) dictionary=(-dict=dev/fuzz/json.dict) ;; esac
    SAWT_FUZZ=$target nice "$fuzz" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
        -print_final_stats=1 -verbosity=1 "${dictionary[@]}" -artifact_prefix="$build/findings/$target-" \
        "$build/corpus/$target" >"$build/$target.log" 2>&1 || status=1
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$target.log")
    coverage=$(grep -o 'cov: [0-9]*' "$build/$target.log" | tail -1 | cut -d' ' -f2)
    findings=$(find "$build/findings" -name "$target-*" | wc -l)
    printf '%-12s %10s executions  %5s edges  %5s inputs in the corpus  %s findings\n' "$target" "${executions:-?}" \
        "${coverage:-?}" "$(find "$build/corpus/$target" -type f | wc -l)" "$findings"
done
exit $status
