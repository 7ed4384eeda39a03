"""What was written beside a picture goes; the picture stays as it is."""

import io

import pytest
from PIL import Image, PngImagePlugin

from flowmatik.kernel.picture_metadata import without_metadata
from flowmatik.kernel.pictures import picture_in

PLACE = "41 24 12.2 N, 2 10 26.5 E"
TURNED, MAKER, COMMENT = 0x0112, 0x010F, 0x9286


def told(kind: str, *, turned: int = 6) -> bytes:
    """A picture of 5 by 3 pixels that says more than it shows."""
    image = Image.new("RGB", (5, 3), (200, 30, 30))
    image.putpixel((0, 0), (10, 20, 250))
    exif = Image.Exif()
    exif[TURNED], exif[MAKER] = turned, PLACE
    out = io.BytesIO()
    match kind:
        case "JPEG":
            image.save(out, "JPEG", exif=exif, comment=PLACE.encode(), quality=95)
        case "PNG":
            info = PngImagePlugin.PngInfo()
            info.add_text("Comment", PLACE)
            info.add_itxt("XML:com.adobe.xmp", PLACE)
            image.save(out, "PNG", exif=exif, pnginfo=info)
        case "WEBP":
            image.save(out, "WEBP", exif=exif, xmp=PLACE.encode(), lossless=True)
        case _:
            image.save(out, "GIF", comment=PLACE.encode())
    return out.getvalue()


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_places_and_names_go_and_every_pixel_stays(kind: str) -> None:
    before = told(kind)
    after = without_metadata(before)
    assert PLACE.encode() in before
    assert PLACE.encode() not in after
    assert pixels(after) == pixels(before)
    assert picture_in(after) == picture_in(before)
    assert without_metadata(after) == after


@pytest.mark.parametrize("turned", [3, 6, 8])
def test_how_a_photograph_is_turned_is_kept(turned: int) -> None:
    with Image.open(io.BytesIO(without_metadata(told("JPEG", turned=turned)))) as image:
        assert dict(image.getexif()) == {TURNED: turned}


def test_a_photograph_that_stands_upright_says_nothing_at_all() -> None:
    with Image.open(io.BytesIO(without_metadata(told("JPEG", turned=1)))) as image:
        assert not dict(image.getexif())


def test_pictures_that_cameras_append_go() -> None:
    plain = without_metadata(told("JPEG"))
    assert without_metadata(told("JPEG") + told("JPEG")) == plain


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_film_that_a_camera_appends_goes(kind: str) -> None:
    plain = without_metadata(told(kind))
    film = b"\0\0\0\x18ftypmp42 \xa9xyz" + PLACE.encode() + b"\xff\xd9"
    assert without_metadata(told(kind) + film) == plain


def test_what_is_said_between_the_scans_of_a_picture_goes() -> None:
    out = io.BytesIO()
    image = Image.effect_noise((64, 64), 80).convert("RGB")
    image.save(out, "JPEG", progressive=True, quality=95)
    plain = out.getvalue()
    at = plain.index(b"\xff\xda", plain.index(b"\xff\xda") + 2)
    said = b"\xff\xfe" + (len(PLACE) + 2).to_bytes(2, "big") + PLACE.encode()
    cleaned = without_metadata(plain[:at] + said + plain[at:])
    assert PLACE.encode() not in cleaned
    assert pixels(cleaned) == pixels(plain)
    assert without_metadata(plain) == plain


def test_a_picture_that_plays_goes_on_playing() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (4, 4), (90 * n, 0, 0)) for n in range(3)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], loop=0, duration=90)
    with Image.open(io.BytesIO(without_metadata(out.getvalue()))) as image:
        assert (getattr(image, "n_frames", 1), image.info["loop"]) == (3, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_what_is_cut_off_or_scrambled_breaks_nothing(kind: str) -> None:
    whole = told(kind)
    for end in range(len(whole)):
        without_metadata(whole[:end])
    for at in range(0, len(whole), 7):
        without_metadata(whole[:at] + b"\xff" + whole[at + 1 :])


def test_what_is_no_picture_stays_as_it_is() -> None:
    assert without_metadata(b"%PDF-1.7 text") == b"%PDF-1.7 text"
    assert without_metadata(b"") == b""
