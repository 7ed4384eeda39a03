"""Emoji of a text as words, whole: joined ones, flags, keycaps, with their skin tones.

Source: Unicode Technical Standard #51, sections 1.4.9 and 2. A sign that is text as a rule ("©", "→") is one
only where the text says so, with U+FE0F.
"""

import re

KEY = "\u20e3"  # the frame of a keycap
_SHOWN = "\ufe0f"  # what stands before is an emoji
_TONES = "\U0001f3fb-\U0001f3ff"
_PLAIN = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c"
    "\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f004\U0001f0cf"
    "\U0001f18e\U0001f191-\U0001f19a\U0001f201-\U0001f265\U0001f300-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
_BASE = rf"(?:[{_PLAIN}]|[^\w\s\u200d](?=[{_SHOWN}{_TONES}]))"
_ONE = rf"{_BASE}{_SHOWN}?[{_TONES}]?[\U000e0020-\U000e007f]*"
_FLAG = "[\U0001f1e6-\U0001f1ff]{2}"
_KEYCAP = rf"[0-9#*]{_SHOWN}?{KEY}"
_JOINED = rf"{_ONE}(?:\u200d(?:{_ONE}|[^\w\s\u200d]))*"
EMOJI = re.compile(f"{_KEYCAP}|{_FLAG}|{_JOINED}")
_LEAST = re.compile("[\u20e3-\U0010ffff]")  # none of its signs is below
_TONE = re.compile(f"[{_TONES}]")


def may_have_emoji(text: str) -> bool:
    return not text.isascii() and _LEAST.search(text) is not None


def as_words(emoji: str) -> list[str]:
    """One with skin tones also as the one without; of a keycap the digit is a word of its own."""
    whole = emoji.replace(_SHOWN, "")
    toneless = _TONE.sub("", whole) or whole
    digit = [whole[0]] if whole[0].isdigit() else []
    return [*digit, *dict.fromkeys((whole, toneless))]


def term_of(emoji: str) -> str:
    """Letters and digits alone, as indexes take them."""
    return "".join(f"u{ord(sign):x}" for sign in emoji)
