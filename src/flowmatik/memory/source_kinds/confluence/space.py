"""The pages of a space in XML: where they stand, who may see them, what is in them."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_kinds.confluence.entities import Space, Thing
from flowmatik.memory.source_kinds.confluence.storage import as_html
from flowmatik.memory.source_parts.archives import Archive, Member
from flowmatik.memory.source_parts.exports import Filed, Piece
from flowmatik.memory.source_parts.made import Made, too_large
from flowmatik.memory.source_parts.whom import group, nobody, user

_DEEPEST = 100
_MOST_TEXT = 19_000_000  # characters of a page with its comments: more is taken of no document


def documents_of(archive: Archive, space: Space) -> Iterator[Piece]:
    current = {key: one for key, one in space.pages.items() if _is_current(one)}
    places = _places(space, current)
    limits = _limits(space)
    labels = _labels(space)
    below = defaultdict[str, list[Thing]](list)
    for one in space.attachments.values():
        if _is_current(one):
            below[one.refs.get("containerContent") or one.refs.get("content", "")].append(one)
    said = defaultdict[str, list[Thing]](list)
    for one in space.comments.values():
        if _is_current(one):
            said[one.refs.get("containerContent") or one.refs.get("owner", "")].append(one)
    for page_id, page in current.items():
        path = places[page_id]
        acl, fault = _audience(f"{path}.html", page_id, space, limits)
        if fault is None:
            text, unread = _text(space, page, path, said[page_id])
            yield _page(space, page, path, acl, labels.get(page_id, ()), text)
            yield from unread
        else:
            yield Made(path=f"{path}.html", fault=fault)
        yield from _attached(archive, page_id, below[page_id], path, acl, fault)


def _is_current(one: Thing) -> bool:
    """No draft, nothing in the bin, no earlier version."""
    status = one.values.get("contentStatus", "current") or "current"
    return status == "current" and not (
        one.refs.get("originalVersion") or one.values.get("originalVersionId")
    )


def _places(space: Space, current: Mapping[str, Thing]) -> dict[str, str]:
    """By titles from the top of the space; without suffix."""
    found: dict[str, str] = {}
    for page_id in current:
        titles = [_clean(space.pages[one].values.get("title", "")) for one in _line(page_id, space)]
        name = _clean(space.names.get(space.pages[page_id].refs.get("space", ""), ""))
        found[page_id] = "/".join(filter(None, (name, *reversed(titles)))) or page_id
    times = Counter(found.values())
    return {key: one if times[one] == 1 else f"{one} {key}" for key, one in found.items()}


def _line(page_id: str, space: Space) -> list[str]:
    """The page and those above it, as far as one looks."""
    line: list[str] = []
    while page_id in space.pages and page_id not in line and len(line) < _DEEPEST:
        line.append(page_id)
        page_id = space.pages[page_id].refs.get("parent", "")
    return line


def _limits(space: Space) -> dict[str, frozenset[str]]:
    """Whom the view restriction of a page names; a restriction whose people are unknown names nobody."""
    whom = defaultdict[str, set[str]](set)
    for one in space.permissions:
        owning = one.refs.get("owningSet", "")
        key = one.refs.get("userSubject", "")
        person = space.users.get(key)
        mail = (person.values.get("email") or person.values.get("name", "")) if person else ""
        name = mail or one.values.get("userName", "")
        found = (user(name), group(one.values.get("groupName", "")))
        whom[owning].update(filter(None, found))
    limits: dict[str, frozenset[str]] = {}
    for set_id, one in space.sets.items():
        page = one.refs.get("owningContent", "")
        if one.values.get("type", "").lower() == "view" and page:
            limits[page] = limits.get(page, frozenset[str]()) | whom[set_id]
    return limits


def _audience(
    path: str, page_id: str, space: Space, limits: Mapping[str, frozenset[str]]
) -> tuple[tuple[str, ...] | None, DocumentError | None]:
    """Restrictions hold for the pages below, too: whoever sees one passed all of those above it. Who is
    named by one and in a group of the other is not known here, and is left out."""
    line = _line(page_id, space)
    if len(line) == _DEEPEST:
        return None, nobody(path, f"{_DEEPEST} pages or more are above it")
    within = [limits[one] for one in line if one in limits]
    if not within:
        return None, None
    common = within[0].intersection(*within[1:])
    if not common:
        return None, nobody(path, "its restrictions name nobody who is known by an address")
    return tuple(sorted(common)), None


def _labels(space: Space) -> dict[str, tuple[str, ...]]:
    found = defaultdict[str, list[str]](list)
    for one in space.labelled:
        name = space.labels.get(one.refs.get("label", ""), "")
        if name:
            found[one.refs.get("content", "")].append(name[:100])
    return {key: tuple(dict.fromkeys(names)) for key, names in found.items()}


def _text(
    space: Space, page: Thing, path: str, comments: Sequence[Thing]
) -> tuple[bytes | DocumentError, list[Made]]:
    """With what was said of it, each under who said it and when; of that, what cannot be taken."""
    shown = escape(page.values.get("title", ""))
    parts = [f'<html><head><meta charset="utf-8"><title>{shown}</title></head><body><h1>{shown}</h1>']
    try:
        parts.append(as_html(space.bodies.get(page.id, ""), f"{path}.html"))
    except DocumentError as fault:
        return fault, []
    unread: list[Made] = []
    size = len(parts[-1])
    for one in sorted(comments, key=lambda one: one.values.get("creationDate", "")):
        who = ", ".join(filter(None, (_author(space, one), one.values.get("creationDate", "")[:10])))
        place = f"{path}/{_clean(who)} {one.id}.html"
        try:
            words = as_html(space.bodies.get(one.id, ""), place)
            if size + len(words) > _MOST_TEXT:
                raise too_large(place, size + len(words), _MOST_TEXT)
        except DocumentError as fault:
            unread.append(Made(path=place, fault=fault))
            continue
        parts.append(f"<h2>{escape(who)}</h2>{words}")
        size += len(words)
    return f"{''.join(parts)}</body></html>".encode("utf-8", "replace"), unread


def _author(space: Space, thing: Thing) -> str:
    person = space.users.get(thing.refs.get("creator", ""))
    return (person.values.get("fullName") or person.values.get("name", "")) if person else ""


def _page(
    space: Space,
    page: Thing,
    path: str,
    acl: tuple[str, ...] | None,
    tags: tuple[str, ...],
    text: bytes | DocumentError,
) -> Piece:
    named = f"{path}.html"
    if isinstance(text, DocumentError):
        return Made(path=named, fault=text)
    said = {
        "title": page.values.get("title", ""),
        "parent": path.rpartition("/")[0],
        "page_id": page.id,
        "author": _author(space, page),
    }
    return Made(
        path=named,
        data=text,
        acl=acl,
        tags=tags,
        metadata={key: value[:1000] for key, value in said.items() if value},
        dated=(page.values.get("lastModificationDate") or page.values.get("creationDate", ""))[:19].replace(
            " ", "T"
        ),
    )


def _attached(
    archive: Archive,
    page_id: str,
    attachments: list[Thing],
    path: str,
    acl: tuple[str, ...] | None,
    fault: DocumentError | None,
) -> Iterator[Piece]:
    """For whom the page is."""
    names: set[str] = set()
    for one in attachments:
        title = _clean(one.values.get("title") or one.values.get("fileName", "")) or one.id
        name = f"{path}/{title}" if title not in names else f"{path}/{one.id} {title}"
        names.add(title)
        file = _file(archive, page_id, one)
        if fault is not None:
            yield Made(path=name, fault=fault)
        elif isinstance(file, DocumentError):
            yield Made(path=name, fault=file)
        elif file is not None:
            yield Filed(path=name, member=file, acl=acl, metadata={"page_id": page_id})


def _file(archive: Archive, page_id: str, one: Thing) -> Member | DocumentError | None:
    """The newest version, or why it cannot be had: an earlier one never stands for it. None for an export
    without the files of its attachments."""
    folder = f"attachments/{page_id}/{one.id}/"
    versions = {
        _number(name): name for name in (*archive.refused, *archive.members) if name.startswith(folder)
    }
    if not versions:
        return None
    said = one.values.get("version") or one.values.get("attachmentVersion", "")
    newest = max(versions)
    if said.isdecimal() and int(said) in versions:
        newest = int(said)
    elif said.isdecimal() and int(said) > newest:
        return DocumentError(
            f"the export does not hold version {said} of it; export it again",
            code="document.version",
            context={"version": said},
        )
    return archive.refused.get(versions[newest]) or archive.members[versions[newest]]


def _number(name: str) -> int:
    last = name.rpartition("/")[2].partition(".")[0]
    return int(last) if last.isdecimal() else -1


def _clean(title: str) -> str:
    return " ".join(title.replace("/", "-").split())[:150].strip(". ")
