# Writes Tests/Fixtures/text/edges.jsonl: texts on the edges of the split pattern with the ids that Hugging Face
# tokenizers gives them under Tests/Fixtures/text/tokenizer.json.
#
#   pip install tokenizers==0.23.3
#   python dev/text_edges.py > Tests/Fixtures/text/edges.jsonl
import json
import random

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("Tests/Fixtures/text/tokenizer.json")
random.seed(7)

TEXTS = [
    "", "'", "''s", "'s", "'S", "'\u017f", "'ſx", "'LL", "'lL'Ve're", "'l", "'r", "'v 'e", "don't we’ll", "'ss'tt",
    "a'\u017f'", "\u212a's", "x'\u0301s",
    "1234567", "١٢٣٤٥٦٧", "۱۲۳۴", "1٢۳", "½²Ⅷ", "\U00010d40\U00010d41\U00010d42\U00010d43", "12a34", " 12", "  12",
    "\u00a0word", "\u00a0\u00a0word", "\u00a0!", " \u00a0", "\u2003\u2003x", "\u3000。", "\u200bword", "\ufeffword",
    "\u0085\u0085x", "\u2028x", "x\u2028\u2029y", "\v\f\tx", "\x1c\x1dx", "\x00\x00x",
    "\n", "\r\n", "\r\r\n\n", " \n", "\n ", " \n x", "x \n\n  y", "!\n\n", "!\r\n x", "! \n", "\n\u00a0\nx", "\t\n\tx",
    " " * 40, " " * 40 + "x", "x" + " " * 40, " " * 17 + "\n" + " " * 17 + "!",
    "كُتُبٌ", "ـــ", "سـلام", "\u064e\u064e", " \u064eسلام", "ﷺ ﻻ", "ىٰ", "لا\u200dلا", "\u200f\u202bسلام\u202c", "؟!،«»",
    "👩‍👩‍👧 🇸🇦 🏽", "e\u0301é", "\U0001e900\U0001e943", "\u088f\u0897", "\ua7cb\ua7da", "\u0378", "\U000e0001", "\U0010ffff",
    "<|eot_id|>", "<|eot_id|", "<<|eot_id|>>", " <|AUDIO|> ", "<|AUDIO|><|AUDIO_OUT|>", "<|AUDIO_OUT|>\u064e", "<|AUDIO",
    "x<|eot_id|>\n\n<|eot_id|>y", "<|\u0301eot_id|>", "<|EOT_ID|>",
]
CHARACTERS = (
    list("ابتسلمنهوي١٢٣۴5 6'sStdlLrRe!?.,\n\r\t\u00a0\u064e\u0650\u0640\u200d\u2028😀é") + ["<|eot_id|>", "  ", "\r\n"]
)
for _ in range(160):
    TEXTS.append("".join(random.choice(CHARACTERS) for _ in range(random.choice([2, 3, 5, 8, 21]))))
for text in TEXTS:
    print(json.dumps({"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}))
