"""Characters that show nothing, and texts that consist of them."""

import unicodedata
from bisect import bisect_right

_RANGES = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
)
"""Default_Ignorable_Code_Point, from DerivedCoreProperties.txt of Unicode 16; the code points are the same since 14."""
_STARTS = [start for start, _ in _RANGES]
_BRAILLE_BLANK = "\u2800"


def invisible(character: str) -> bool:
    """Return True for a default ignorable code point: a joiner, a filler, a variation selector, a bidi control."""
    place = bisect_right(_STARTS, ord(character))
    return place > 0 and ord(character) <= _RANGES[place - 1][1]


def visible(text: str) -> bool:
    """Return True if a text shows something: not only blanks, controls, unassigned and invisible characters."""
    return any(
        unicodedata.category(character)[0] not in "ZC" and character != _BRAILLE_BLANK and not invisible(character)
        for character in text
    )
