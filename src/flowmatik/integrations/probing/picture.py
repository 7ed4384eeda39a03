"""The picture that a probe shows: one colour, a few hundred bytes."""

import struct
import zlib

from flowmatik.contracts.images import Image, image_of

PIXELS = 64  # a side; some models refuse pictures of fewer than 28
RED = b"\xff\x00\x00"


def red_square() -> Image:
    """A PNG (RFC 2083)."""
    row = b"\x00" + RED * PIXELS
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", PIXELS, PIXELS, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row * PIXELS, 9)),
        (b"IEND", b""),
    )
    return image_of(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, body) for name, body in parts))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
