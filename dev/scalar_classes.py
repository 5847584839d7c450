# Writes Sources/PipelineKit/Text/ScalarClass+Ranges.swift: which scalars are \p{L}, \p{N} and \s for the regular
# expression engine inside Hugging Face tokenizers (Oniguruma, Unicode 16), asked scalar by scalar.
#
#   pip install tokenizers==0.23.3
#   python dev/scalar_classes.py > Sources/PipelineKit/Text/ScalarClass+Ranges.swift
from tokenizers import Regex, pre_tokenizers

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
TEXT = "".join(map(chr, SCALARS))


def ranges(pattern):
    """The closed ranges of scalars that `pattern` matches."""
    rest = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(TEXT)
    unmatched = set()
    for _, (start, end) in rest:
        unmatched.update(range(start, end))
    result = []
    for index, scalar in enumerate(SCALARS):
        if index in unmatched:
            continue
        if result and result[-1][1] == scalar - 1:
            result[-1][1] = scalar
        else:
            result.append([scalar, scalar])
    return result


def lines(pairs):
    items = [f"0x{a:X}, 0x{b:X}" for a, b in pairs]
    line = "       "
    for item in items:
        if len(line) + len(item) + 2 > 120:
            yield line
            line = "       "
        line += f" {item},"
    yield line


print("// The scalars that are \\p{L}, \\p{N} and \\s in Unicode 16, as pairs of first and last.")
print("// Written by dev/scalar_classes.py from the engine inside tokenizers 0.23.3; the running system's own tables may be of")
print("// another Unicode version, and ids must not depend on it.")
print()
print("extension ScalarClass {")
for name, pattern in (("letterRanges", r"\p{L}"), ("numberRanges", r"\p{N}"), ("spaceRanges", r"\s")):
    if name != "letterRanges":
        print()
    print(f"    static let {name}: [UInt32] = [")
    print("\n".join(lines(ranges(pattern))))
    print("    ]")
print("}")
