"""The kind and size of pictures by their first bytes; anything else is none."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.images import (
    MEDIA_TYPES,
    MOST_BYTES,
    MOST_SIDE,
    ImageMessage,
    image_of,
    without_bytes,
)
from flowmatik.contracts.models import Message
from flowmatik.integrations.probing.picture import red_square
from flowmatik.integrations.vision import DEAREST_TOKENS, LEAST_TOKENS, MOST_TOKENS, image_tokens
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.pictures import Picture, picture_in

GIF = b"GIF89a" + struct.pack("<HH", 7, 9) + b"\x00" * 4
APP = b"\xff\xe0" + struct.pack(">H", 6) + b"JFIF"
JPEG = b"\xff\xd8" + APP + b"\xff\xff\xc2" + struct.pack(">HBHH", 11, 8, 30, 40) + b"\x00" * 8
WEBP = b"RIFF\x00\x00\x00\x00WEBP"
LOSSY = WEBP + b"VP8 " + b"\x00" * 10 + struct.pack("<HH", 100, 50)
LOSSLESS = WEBP + b"VP8L" + b"\x00" * 4 + b"\x2f" + struct.pack("<I", (19 << 14) | 9)
EXTENDED = WEBP + b"VP8X" + b"\x00" * 8 + b"\x63\x00\x00" + b"\xc7\x00\x00"


@pytest.mark.parametrize(
    ("data", "kind", "width", "height"),
    [
        (red_square().data, "image/png", 64, 64),
        (GIF, "image/gif", 7, 9),
        (JPEG, "image/jpeg", 40, 30),
        (LOSSY, "image/webp", 100, 50),
        (LOSSLESS, "image/webp", 10, 20),
        (EXTENDED, "image/webp", 100, 200),
    ],
)
def test_kind_and_size_are_read(data: bytes, kind: str, width: int, height: int) -> None:
    assert picture_in(data) == Picture(media_type=kind, width=width, height=height)
    assert kind in MEDIA_TYPES


@given(st.sampled_from([b"", b"\xff\xd8\xff", b"GIF89a", b"\x89PNG\r\n\x1a\n", WEBP]), st.binary(max_size=60))
def test_nothing_else_is_a_picture_and_nothing_breaks(head: bytes, rest: bytes) -> None:
    found = picture_in(head + rest)
    assert found is None or (found.width > 0 and found.height > 0)


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"%PDF-1.7", GIF[:8], JPEG[:12]])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        image_of(data)
    assert refused.value.code == "input.image"


def test_too_large_a_picture_is_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        image_of(GIF + bytes(MOST_BYTES))
    assert refused.value.code == "input.image_size"


@given(st.integers(1, MOST_SIDE), st.integers(1, MOST_SIDE))
def test_no_vendor_counts_more_tokens_than_are_reserved(width: int, height: int) -> None:
    image = image_of(b"GIF89a" + struct.pack("<HH", width, height))
    most = image_tokens(image, "far/m")
    assert LEAST_TOKENS <= most <= MOST_TOKENS
    patches = -(-width // 32) * -(-height // 32)
    assert most >= min(24_600, 2.46 * patches)
    assert most >= min(4_784, width * height / 750)
    assert image_tokens(image, "openai/gpt-4o-mini") == DEAREST_TOKENS


def test_messages_are_hashed_as_before_there_were_pictures_and_pictures_by_their_hash() -> None:
    plain = (Message(role="user", content="a"),)
    assert without_bytes(plain) is plain
    shown = ImageMessage(role="user", content="a", images=(red_square(),))
    told = canonical.dumps(without_bytes((shown,)))
    assert red_square().sha256 in told
    assert "PNG" not in told
    assert canonical.content_hash(without_bytes((shown,))) != canonical.content_hash(plain)
