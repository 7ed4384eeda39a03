"""What the first bytes of a picture say: its kind and its size. Nothing is decoded.

PNG (RFC 2083), GIF (GIF89a), JPEG (ITU-T T.81, annex B) and WebP (RFC 9649), which all vendors' models take.
"""

from dataclasses import dataclass

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG's start-of-frame markers
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`width` and `height` in pixels."""

    media_type: str
    width: int
    height: int


def picture_in(data: bytes) -> Picture | None:
    """None for anything else, and for one that has no size."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return _of("image/png", _big(data[16:20]), _big(data[20:24]))
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _of("image/gif", _little(data[6:8]), _little(data[8:10]))
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    return None


def _jpeg(data: bytes) -> Picture | None:
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _FRAMES:
            return _of("image/jpeg", _big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7]))
        else:
            at += 2 if marker in _ALONE else 2 + _big(data[at + 2 : at + 4])
    return None


def _webp(data: bytes) -> Picture | None:
    match data[12:16]:
        case b"VP8X":
            return _of("image/webp", _little(data[24:27]) + 1, _little(data[27:30]) + 1)
        case b"VP8L":
            bits = _little(data[21:25])
            return _of("image/webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1)
        case b"VP8 ":
            return _of("image/webp", _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF)
        case _:
            return None


def _of(media_type: str, width: int, height: int) -> Picture | None:
    return Picture(media_type=media_type, width=width, height=height) if width and height else None


def _big(part: bytes) -> int:
    return int.from_bytes(part, "big")


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")
