# Writes Sources/PipelineKit/Text/PresentationForms+Table.swift: what each Arabic presentation form stands for, one step of
# its compatibility decomposition (<isolated>, <initial>, <medial>, <final>), so that U+0677 and its like stay letters.
# The space in front of the spacing forms of harakat (U+FE70, U+FC5E, …) is left out: the mark belongs to its letter.
#
#   python dev/presentation_forms.py > Sources/PipelineKit/Text/PresentationForms+Table.swift
import unicodedata


def letters(scalar):
    parts = unicodedata.decomposition(chr(scalar)).split()
    if not parts or parts[0] not in ("<isolated>", "<initial>", "<medial>", "<final>"):
        return []
    codes = [int(p, 16) for p in parts[1:]]
    return codes[1:] if codes[0] == 0x20 else codes


def lines(items):
    line = "       "
    for item in items:
        if len(line) + len(item) + 2 > 120:
            yield line
            line = "       "
        line += f" {item},"
    yield line


entries = []
for scalar in [*range(0xFB50, 0xFE00), *range(0xFE70, 0xFF00)]:
    found = letters(scalar)
    if found:
        entries += [f"0x{c:X}" for c in [scalar, *found, 0]]

print("// What each Arabic presentation form stands for: the form, its letters, 0, and so on.")
print(f"// Written by dev/presentation_forms.py from Unicode {unicodedata.unidata_version}.")
print()
print("extension PresentationForms {")
print("    static let table: [UInt16] = [")
print("\n".join(lines(entries)))
print("    ]")
print("}")
