"""An export of Notion: Markdown or HTML pages and CSV tables, in a ZIP, or in ZIPs within one.

Notion writes an id behind each name; the id tells pages apart and is taken out of what people read. Such an
export says nothing of who may see a page: the source's own setting does.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from flowmatik.contracts.sources import SourceReader, SourceSetup
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.archives import Archive, Member
from flowmatik.memory.source_parts.exports import Filed, Piece, build_export
from flowmatik.memory.source_parts.made import Made
from flowmatik.memory.source_settings import lost

_ID = re.compile(r"(?P<name>.*?)[ _-]?(?P<id>[0-9a-f]{32})(?P<all>_all)?$", re.DOTALL)
_LINK = re.compile(r"(\]\()(?!https?:|mailto:)([^)\s]{1,2000})(\))")
_REF = re.compile(r"""((?:href|src)=")(?!https?:|mailto:|#|data:)([^"]{1,2000})(")""")
_PAGES = (".md", ".html")
_MOST_PAGE = 10 * 1024 * 1024
_DATE = re.compile(r"^(?:Created|Created time|Last edited time|Date): (.+)$", re.MULTILINE)
_AUTHOR = re.compile(r"^(?:Created by|Author|Owner): (.+)$", re.MULTILINE)


def build(given: SourceSetup) -> SourceReader:
    return build_export("notion", given, _unpack, nested=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    member: Member
    folders: tuple[str, ...]
    name: str
    id: str
    suffix: str

    @property
    def path(self) -> str:
        return "/".join((*self.folders, f"{self.name}{self.suffix}"))


def _unpack(archive: Archive) -> Iterator[Piece]:
    pages = [_page(one) for one in archive.members.values()]
    if not any(one.id for one in pages):
        raise lost(archive.place, "it is no export of Notion: no name in it ends with an id")
    whole = {(one.folders, one.name) for one in pages if one.member.name.endswith("_all.csv")}
    kept = [one for one in pages if _is_kept(one, whole)]
    times = Counter(one.path for one in kept)
    for page in kept:
        path = page.path
        if times[path] > 1:  # always, so that it is no matter which of them comes first
            path = "/".join(
                (*page.folders, f"{page.name} {page.id[:8] or page.member.name[-12:]}{page.suffix}")
            )
        yield _made(archive, page, path) if page.suffix in _PAGES else _filed(page, path)


def _page(member: Member) -> _Page:
    pure = PurePosixPath(member.name)
    found = _ID.fullmatch(pure.stem)
    folders = tuple(_plain(one) for one in pure.parts[:-1])
    return _Page(
        member=member,
        folders=folders,
        name=(found["name"] if found else pure.stem) or "Untitled",
        id=found["id"] if found else "",
        suffix=pure.suffix.lower(),
    )


def _is_kept(page: _Page, whole: set[tuple[tuple[str, ...], str]]) -> bool:
    """Of a table there are the rows of a view and all of them; `index.html` only lists the pages."""
    if page.suffix == ".csv" and not page.member.name.endswith("_all.csv"):
        return (page.folders, page.name) not in whole
    return page.member.name != "index.html" and not page.name.startswith(".")


def _filed(page: _Page, path: str) -> Filed:
    return Filed(path=path, member=page.member, metadata=_metadata(page))


def _made(archive: Archive, page: _Page, path: str) -> Piece:
    try:
        data = archive.read(page.member)
    except DocumentError as fault:
        return Made(path=path, fault=fault)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:  # the parser knows more encodings, and says so if it is none
        return _filed(page, path)
    if len(data) > _MOST_PAGE:
        return _filed(page, path)
    pattern = _LINK if page.suffix == ".md" else _REF
    text = pattern.sub(lambda link: f"{link[1]}{_target(link[2])}{link[3]}", text)
    metadata = _metadata(page)
    head = text[:5000]
    if author := _AUTHOR.search(head):
        metadata["author"] = author[1].strip()[:200]
    if date := _DATE.search(head):
        metadata["date"] = date[1].strip()[:100]
    return Made(path=path, data=text.encode(), metadata=metadata)


def _metadata(page: _Page) -> dict[str, str]:
    found = {"title": page.name, "parent": "/".join(page.folders)}
    if page.id:
        found |= {"page_id": page.id, "url": f"https://www.notion.so/{page.id}"}
    return {key: value[:1000] for key, value in found.items() if value}


def _target(address: str) -> str:
    """The address of another page without the ids in it."""
    path, mark, place = address.partition("#")
    pure = PurePosixPath(unquote(path))
    if not pure.name:
        return address
    names = [*map(_plain, pure.parts[:-1]), f"{_plain(pure.stem)}{pure.suffix}"]
    return "/".join(names).replace(" ", "%20") + mark + place


def _plain(name: str) -> str:
    found = _ID.fullmatch(name)
    return (found["name"] if found else name) or "Untitled"
