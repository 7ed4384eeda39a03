"""What the links of a document lead to, as far as that can be said without looking there.

A file is meant by its place, the path that it has or would have, so that it is known when it comes later and
whatever its title is by then; only whoever reads the graph says which document lies there. Nothing is told of
what lies outside the document's source.
"""

import hashlib
import json
import posixpath
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

from flowmatik.memory.wiki_links import page_key

PLACE = "place:"  # begins the key of a file
MOST_LINKS = 2000  # of a document
MOST_TARGET = 500  # signs of one address
UNKNOWN = ""  # of documents that were read before links were
_MOST_BYTES = 1000  # of a key: stores index it
_WEB = ("http", "https")
_BESIDE = (".md", ".html", ".htm", ".markdown", "/index.md", "/index.html", "/README.md")

Links = tuple[tuple[int, int, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """Where a document lies: its path, its source's folder, and the address of a page of the web."""

    path: str
    root: str
    address: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The key of what is meant, and how it is shown where it is not in memory."""

    key: str
    shown: str


def base_of(path: str, source: tuple[str, str], metadata: str) -> Base:
    """`source`: kind and location; `metadata` as it is stored."""
    kind, location = source
    root = location if location and kind != "file" else posixpath.dirname(path)
    address = ""
    if kind == "web":
        address = str(json.loads(metadata or "{}").get("source_path", ""))
    return Base(path=path, root=root.rstrip("/"), address=address)


def target_of(base: Base, written: str) -> Target | None:
    """None for what leads nowhere else, out of the source, or to no document at all."""
    target = written.strip()
    if not target.isprintable() or len(target) > MOST_TARGET:
        return None
    if target.startswith("[["):
        page = target[2:-2].strip().removesuffix(".md")
        if not page.startswith(("./", "../")):
            return _fitting(page_key(page), page.strip("/"))
        target = quote(page)
    try:
        parts = urlsplit(urljoin(base.address, target) if base.address else target)
        place = _place_of(base, parts)
    except ValueError:
        return None
    if place is not None:
        root = f"{base.root}/"
        if place == base.path or not place.startswith(root):
            return None
        return _fitting(f"{PLACE}{place}", place.removeprefix(root))
    if parts.scheme not in _WEB or not parts.netloc:
        return None
    address = parts._replace(fragment="").geturl()
    return _fitting(address.casefold().rstrip("/"), address)


def _place_of(base: Base, parts: SplitResult) -> str | None:
    """The path of a file of the same source; None for an address."""
    path = unquote(parts.path).replace("\\", "/")
    if base.address:
        own = urlsplit(base.address)
        if parts.netloc != own.netloc or parts.scheme not in _WEB or parts.query:
            return None
        port = f"-{parts.port}" if parts.port else ""
        host = f"{parts.hostname}{port}"
        return posixpath.normpath(f"{base.root}/{host}/{path.strip('/') or 'index'}")
    if parts.scheme or parts.netloc or (not path and parts.query):
        return None
    if not path:
        return base.path
    beside = base.root + "/" if path.startswith("/") else posixpath.dirname(base.path)
    return posixpath.normpath(posixpath.join(beside, path.lstrip("/")))


def _fitting(key: str, shown: str) -> Target | None:
    fits = key.strip() and key.isprintable() and len(key.encode("utf-8", "replace")) <= _MOST_BYTES
    return Target(key, shown) if fits else None


def may_lie_at(place: str) -> tuple[str, ...]:
    """The paths that a link to `place` may mean, the likeliest first: addresses often leave out the suffix,
    or the name of a folder's first page."""
    return (place, *(place + end for end in _BESIDE))


def may_be_called(path: str) -> tuple[str, ...]:
    """The places by which a link may mean the file at `path`."""
    return (path, *(path.removesuffix(end) for end in _BESIDE if path.endswith(end)))


def told_outside(key: str) -> str:
    """A key as indexes outside have it: of a place its file's name, and a hash of the path, which is nobody's
    business there."""
    if not key.startswith(PLACE):
        return key
    path = key.removeprefix(PLACE)
    digest = hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()
    return f"{PLACE}{posixpath.basename(path)}#{digest[:16]}"


def within(links: Sequence[tuple[int, int, str]], start: int, end: int) -> tuple[str, ...]:
    """The targets of those that begin in `start` to `end`; `links` stand in the order of the text."""
    first, last = (bisect_left(links, at, key=lambda one: one[0]) for at in (start, end))
    return tuple(links[n][2] for n in range(first, last))


def as_kept(links: Links) -> str:
    return json.dumps(sorted(links[:MOST_LINKS]), ensure_ascii=False, separators=(",", ":"))


def as_read(kept: str) -> Links:
    return tuple((int(one[0]), int(one[1]), str(one[2])) for one in json.loads(kept or "[]"))
