"""Pictures without what was written beside them: where and with what they were taken, by whom, previews.

JPEG (ITU-T T.81, annex B; Exif 2.32), PNG (RFC 2083 and its extensions), WebP (RFC 9649), GIF (GIF89a). The
pixels stay byte for byte: nothing is decoded. How a photograph is to be turned is kept, for without it some
would stand on their heads.
"""

_APP1, _COMMENT, _SCAN, _END = 0xE1, 0xFE, 0xDA, 0xD9
_RESTARTS = range(0xD0, 0xD8)
_TOLD_JPEG = frozenset({_COMMENT, *range(0xE1, 0xF0)}) - {0xE2, 0xEE}  # not the colours' profile, not Adobe's
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_TOLD_PNG = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_TOLD_WEBP = frozenset({b"EXIF", b"XMP "})
_WEBP_FLAGS = 0x08 | 0x04  # EXIF and XMP, of VP8X
_TURNED = 0x0112  # Exif's tag


def without_metadata(data: bytes) -> bytes:
    """What is damaged, or no picture of these kinds, stays as it is from where it cannot be read."""
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data)
    return data


def _jpeg(data: bytes) -> bytes:
    """What comes after the picture's end goes, too: previews and films that cameras append."""
    kept, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != _END:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            kept.append(data[at : at + 1] if marker == 0xFF else data[at : at + 2])
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _SCAN:
            end = _scanned(data, end)
        if marker not in _TOLD_JPEG:
            kept.append(data[at:end])
        elif marker == _APP1 and (turned := _turned(data[at + 4 : end])) > 1:
            kept.append(_turning(turned))
        at = end
    ended = data[at : at + 2] == bytes((0xFF, _END))
    return b"".join((*kept, data[at : at + 2] if ended else data[at:]))


def _scanned(data: bytes, at: int) -> int:
    """Where the next marker is after a scan's own bytes, in which 0xFF is stuffed or restarts (B.1.1.5)."""
    while (at := data.find(b"\xff", at)) >= 0:
        following = data[at + 1 : at + 2]
        if following and following[0] != 0 and following[0] not in _RESTARTS:
            return at
        at += 2
    return len(data)


def _turned(exif: bytes) -> int:
    """1 to 8; 0 where it does not say."""
    tiff = exif.removeprefix(b"Exif\0\0")
    if tiff is exif or tiff[:2] not in (b"II", b"MM"):
        return 0
    order = "little" if tiff[:2] == b"II" else "big"
    at = int.from_bytes(tiff[4:8], order)
    for n in range(int.from_bytes(tiff[at : at + 2], order)):
        entry = tiff[at + 2 + 12 * n : at + 14 + 12 * n]
        if len(entry) == 12 and int.from_bytes(entry[:2], order) == _TURNED:
            turned = int.from_bytes(entry[8:10], order)
            return turned if 1 <= turned <= 8 else 0
    return 0


def _turning(turned: int) -> bytes:
    """An Exif part that says nothing else."""
    entry = _TURNED.to_bytes(2, "big") + b"\0\x03\0\0\0\x01" + turned.to_bytes(2, "big") + b"\0\0"
    body = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01" + entry + b"\0\0\0\0"
    return bytes((0xFF, _APP1)) + (len(body) + 2).to_bytes(2, "big") + body


def _png(data: bytes) -> bytes:
    kept, at = [data[:8]], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")
        kind = data[at + 4 : at + 8]
        if kind not in _TOLD_PNG:
            kept.append(data[at:end])
        at = end
        if kind == b"IEND":
            return b"".join(kept)
    return b"".join((*kept, data[at:]))


def _webp(data: bytes) -> bytes:
    """What comes after the container's end goes, too."""
    size = int.from_bytes(data[4:8], "little")
    data = data[: 8 + size + size % 2]
    kept, at = list[bytes](), 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + 8 + size + size % 2
        kind, chunk = data[at : at + 4], data[at:end]
        if kind == b"VP8X" and len(chunk) > 8:
            chunk = chunk[:8] + bytes((chunk[8] & ~_WEBP_FLAGS & 0xFF,)) + chunk[9:]
        if kind not in _TOLD_WEBP:
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _gif(data: bytes) -> bytes:
    """Comments go, and applications' parts but for those that say how often it plays."""
    at = 13 + (3 << ((data[10] & 7) + 1) if len(data) > 10 and data[10] & 0x80 else 0)
    kept = [data[:at]]
    while at < len(data):
        kind = data[at]
        if kind == 0x21 and at + 1 < len(data):
            end = _blocks(data, at + 2)
            told = data[at + 1] == 0xFE or (
                data[at + 1] == 0xFF and data[at + 3 : at + 14] not in (b"NETSCAPE2.0", b"ANIMEXTS1.0")
            )
            if not told:
                kept.append(data[at:end])
        elif kind == 0x2C and at + 9 < len(data):
            packed = data[at + 9]
            table = 3 << ((packed & 7) + 1) if packed & 0x80 else 0
            end = _blocks(data, at + 10 + table + 1)
            kept.append(data[at:end])
        else:
            kept.append(data[at : at + 1] if kind == 0x3B else data[at:])
            break
        at = end
    return b"".join(kept)


def _blocks(data: bytes, at: int) -> int:
    """Where the sub-blocks that begin here have ended."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
