#!/usr/bin/env bash
# Makes this folder's audio and manifest.json from sentences.tsv: four synthetic voices, 28 conversations.
#   apt-get install espeak-ng flac && ./make.sh
# Not needed to use the example: what it makes is committed. espeak-ng 1.51 made the committed files.
set -euo pipefail
cd "$(dirname "$0")"

# name, espeak-ng voice, words a minute, pitch
voices=("amal ar+f2 165 55" "badr ar+m3 160 35" "dalia ar+f4 155 65" "omar ar 150 45")

speak() { # voice number, text, file name without suffix
    read -r _ voice speed pitch <<<"${voices[$1]}"
    espeak-ng -v "$voice" -s "$speed" -p "$pitch" -w "audio/$3.wav" "$2"
    flac --silent --best --force --output-name "audio/$3.flac" "audio/$3.wav"
    rm "audio/$3.wav"
}
text() { printf '{"type": "text", "text": "%s"}' "$1"; }
audio() { printf '{"type": "audio", "audio_url": "audio/%s.flac"%s}' "$1" "${2-}"; }

rm -rf audio && mkdir audio
mapfile -t references < <(sed -n 's/^ref\t//p' sentences.tsv)
mapfile -t targets < <(sed -n 's/^target\t//p' sentences.tsv)
for v in 0 1 2 3; do
    for r in 0 1; do speak $v "${references[(v + r) % 3]}" "${voices[$v]%% *}-ref$r"; done
done

system='{"role": "system", "content": "Speak in the voice of the reference audio."}'
{
    printf '[\n'
    for i in "${!targets[@]}"; do
        v=$((i % 4)) r=$((i / 4 % 2)) name="${voices[i % 4]%% *}"
        id=$(printf '%s-%02d' "$name" "$i") say="${targets[i]}"
        speak $v "$say" "$id"
        segment='' start=0 more=''
        # Every ninth reference is a segment of its file.
        [ $((i % 9)) = 4 ] && segment=', "offset": 0.25, "duration": 1.5'
        # Every thirteenth conversation goes on: the first answer is then context and only the second one is trained on.
        if [ $((i % 13)) = 6 ]; then
            start=3
            more=$(printf ', {"role": "user", "content": "%s"}, {"role": "assistant", "content": [%s, %s]}' \
                "${targets[i - 4]}" "$(text "${targets[i - 4]}")" "$(audio "$(printf '%s-%02d' "$name" $((i - 4)))")")
        fi
        printf '{"id": "%s", "speaker": "%s", "start_index": %d, "messages": [%s, ' "$id" "$name" $start "$system"
        printf '{"role": "user", "content": [%s, %s, %s]}, ' \
            "$(text "${references[(v + r) % 3]}")" "$(audio "$name-ref$r" "$segment")" "$(text "$say")"
        printf '{"role": "assistant", "content": [%s, %s]}%s]}' "$(text "$say")" "$(audio "$id")" "$more"
        [ "$i" -lt $((${#targets[@]} - 1)) ] && printf ',\n'
    done
    printf '\n]\n'
} >manifest.json
