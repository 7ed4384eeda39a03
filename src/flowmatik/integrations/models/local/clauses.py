"""The parts of a sentence that may be quoted: verbatim spans that begin and end at its clauses."""

import re

ENOUGH = 80  # characters that are short as they are
_BORDER = re.compile(
    r"(?<=[;:)])\s+|(?<=,)\s+(?!\d)|\s+(?=[(—–])"
    r"|\s+(?=(?:which|who|while|because|although|whereas|when|where|and|but|que|quien|mientras|porque"
    r"|aunque|cuando|donde|y|pero)\s)"
)
Span = tuple[int, int]


def spans(text: str, limit: int) -> list[Span]:
    """All of at most `limit` characters; a sentence that is short as it is only whole. What it opens
    with says of whom it speaks, and is left out only where it is longer than `limit`."""
    if len(text) <= min(limit, ENOUGH):
        return [(0, len(text))]
    cuts = [0, *(match.end() for match in _BORDER.finditer(text)), len(text)]
    starts = cuts[:1] if len(text) <= limit else cuts
    found = [(a, a + len(text[a:b].rstrip(" ,;:("))) for a in starts for b in cuts if b > a]
    return [(a, b) for a, b in found if 0 < b - a <= limit] or _stretches(text, limit)


def _stretches(text: str, limit: int) -> list[Span]:
    """Without a border that helps: as many whole words as fit, from each word on."""
    starts = [match.start() for match in re.finditer(r"\S+", text)]
    ends = [match.end() for match in re.finditer(r"\S+", text)]
    return [(a, max((b for b in ends if a < b <= a + limit), default=a + limit)) for a in starts]
