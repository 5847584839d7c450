# Writes Tests/Fixtures/text/normalization.jsonl: texts and what a rule of ingest --normalize makes of them, by Python's
# unicodedata alone.
#
#   python dev/normalization.py > Tests/Fixtures/text/normalization.jsonl
#
# nfc: every code point of the Arabic blocks by itself, every base with every mark that composes, marks in all orders,
# random texts. presentation-forms: every form by itself, from unicodedata's NFKC; the forms of harakat without the space
# that NFKC puts in front, and U+FBDD, whose letter U+0677 NFKC takes apart further.
import itertools
import json
import random
import unicodedata

BLOCKS = [(0x600, 0x700), (0x750, 0x780), (0x870, 0x900), (0xFB50, 0xFE00), (0xFE70, 0xFF00), (0x10E60, 0x10E80),
          (0x10EC0, 0x10F00), (0x1EE00, 0x1EF00)]
random.seed(7)


def assigned(first, last):
    return [chr(c) for c in range(first, last) if unicodedata.category(chr(c)) != "Cn"]


def emit(rule, text, expected):
    print(json.dumps({"rule": rule, "text": text, "expected": expected}))


def nfc(text):
    emit("nfc", text, unicodedata.normalize("NFC", text))


def chunks(items, size):
    for start in range(0, len(items), size):
        yield items[start:start + size]


# A line end between two cases: nothing composes across it.
everything = [c for first, last in BLOCKS for c in assigned(first, last)]
for chunk in chunks(everything, 256):
    nfc("\n".join(chunk))
bases = [c for c in assigned(0x600, 0x700) if unicodedata.category(c) == "Lo"]
marks = [c for c in assigned(0x600, 0x700) + assigned(0x8D0, 0x900) if unicodedata.combining(c)]
for base in bases:
    nfc("\n".join(base + mark for mark in "\u0653\u0654\u0655\u0670\u0651\u064e"))
nfc("\n".join("ا" + mark for mark in marks))
for base in "اويەۂ":
    for run in itertools.permutations("\u0654\u064e\u0651\u0655", 3):
        nfc(base + "".join(run))
alphabet = bases + marks * 3 + list("آأؤإئۀۂۓ e\u0301é\u0300Å\u212b\u1e9b\u0323가각\u1100\u1161\u11a8")
for _ in range(200):
    nfc("".join(random.choice(alphabet) for _ in range(random.choice([2, 3, 5, 9, 17]))))

forms, letters = [], []
for form in assigned(0xFB50, 0xFE00) + assigned(0xFE70, 0xFEFF):
    expected = unicodedata.normalize("NFKC", form)
    if expected.startswith(" "):
        expected = expected[1:]
    if form == "\ufbdd":
        expected = "\u0677"
    forms.append(form)
    letters.append(expected)
for some, theirs in zip(chunks(forms, 64), chunks(letters, 64)):
    emit("presentation-forms", "\n".join(some), "\n".join(theirs))
