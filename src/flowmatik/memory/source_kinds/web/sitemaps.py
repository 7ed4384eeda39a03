"""What a sitemap names; the file may be packed, and nothing in it is fetched or expanded."""

import zlib
from importlib import import_module
from typing import Any, cast

from flowmatik.memory.source_settings import lost

MOST_SITEMAP_BYTES = 50 * 1024 * 1024  # sitemaps.org 0.9, unpacked
_etree = cast("Any", import_module("lxml.etree"))  # it has no types
_GZIP = b"\x1f\x8b"


def locations(url: str, data: bytes) -> tuple[list[str], list[str]]:
    """The sitemaps and the pages that it names."""
    if data.startswith(_GZIP):
        data = _unpacked(url, data)
    parser = _etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = _etree.fromstring(data, parser)
    except _etree.XMLSyntaxError as error:
        raise lost(url, f"it is no sitemap: {error}") from error
    name = _etree.QName(root).localname
    if name not in ("urlset", "sitemapindex"):
        raise lost(url, f"it is no sitemap, but <{name}>")
    found = [(one.text or "").strip() for one in root.iterfind("{*}*/{*}loc")]
    named = [one for one in found if one]
    return (named, []) if name == "sitemapindex" else ([], named)


def _unpacked(url: str, data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        whole = unpacker.decompress(data, MOST_SITEMAP_BYTES)
    except zlib.error as error:
        raise lost(url, "it cannot be unpacked") from error
    if unpacker.unconsumed_tail:
        raise lost(url, f"it is larger than {MOST_SITEMAP_BYTES} bytes")
    return whole
