"""`entities.xml`: Confluence's objects as Hibernate writes them, read one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO, Any, cast

from flowmatik.memory.source_parts.archives import DAMAGED, Archive
from flowmatik.memory.source_settings import lost

ENTITIES = "entities.xml"
MOST_XML = 512 * 1024 * 1024
_etree = cast("Any", import_module("lxml.etree"))  # it has no types
_PAGES = ("Page", "BlogPost")
_WANTED = frozenset((
    *_PAGES, "BodyContent", "Comment", "Attachment", "ContentPermissionSet", "ContentPermission",
    "ConfluenceUserImpl", "Space", "Label", "Labelling",
))  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One object: its `values` by property, `refs` the ids of those that a property names."""

    kind: str
    id: str
    values: Mapping[str, str]
    refs: Mapping[str, str]


@dataclass(slots=True)
class Space:
    """By id, but for `bodies`, which are by their page or comment."""

    pages: dict[str, Thing] = field(default_factory=lambda: {})
    bodies: dict[str, str] = field(default_factory=lambda: {})
    comments: dict[str, Thing] = field(default_factory=lambda: {})
    attachments: dict[str, Thing] = field(default_factory=lambda: {})
    sets: dict[str, Thing] = field(default_factory=lambda: {})
    permissions: list[Thing] = field(default_factory=lambda: [])
    users: dict[str, Thing] = field(default_factory=lambda: {})
    names: dict[str, str] = field(default_factory=lambda: {})
    labels: dict[str, str] = field(default_factory=lambda: {})
    labelled: list[Thing] = field(default_factory=lambda: [])


def space_of(archive: Archive) -> Space:
    """Raises Unavailable: half of the objects could show what the other half hides."""
    member = archive.members[ENTITIES]
    if member.size > MOST_XML:
        raise lost(archive.place, f"{ENTITIES} has {member.size} bytes, above the limit of {MOST_XML}")
    space = Space()
    try:
        with member.archive.open(member.info) as file:
            for thing in _things(file):
                _put(space, thing)
    except (_etree.XMLSyntaxError, *DAMAGED) as error:
        raise lost(archive.place, f"{ENTITIES} is no sound XML: {str(error)[:200]}") from error
    if not space.pages:
        raise lost(archive.place, f"{ENTITIES} has no pages")
    return space


def _things(file: IO[bytes]) -> Iterator[Thing]:
    """No document type, no entities of its own, nothing fetched; each object is dropped when it was read."""
    events = _etree.iterparse(
        file, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True
    )
    depth = 0
    for event, element in events:
        if event == "start":
            depth += 1
            if depth == 1 and element.getroottree().docinfo.doctype:
                raise ValueError("it declares a document type")
            continue
        depth -= 1
        if depth == 1 and element.tag == "object":
            if element.get("class") in _WANTED:
                yield _thing(element)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def _thing(element: Any) -> Thing:
    values: dict[str, str] = {}
    refs: dict[str, str] = {}
    for one in element.iterchildren("property"):
        name = str(one.get("name"))
        inner = one.find("id")
        if inner is not None:
            refs[name] = (inner.text or "").strip()
        else:
            values[name] = one.text or ""
    own = element.find("id")
    own_id = (own.text or "").strip() if own is not None else ""
    return Thing(kind=str(element.get("class")), id=own_id, values=values, refs=refs)


def _put(space: Space, thing: Thing) -> None:
    kind = thing.kind
    if kind in _PAGES:
        space.pages[thing.id] = thing
    elif kind == "BodyContent":
        space.bodies[thing.refs.get("content", "")] = thing.values.get("body", "")
    elif kind == "Comment":
        space.comments[thing.id] = thing
    elif kind == "Attachment":
        space.attachments[thing.id] = thing
    elif kind == "ContentPermissionSet":
        space.sets[thing.id] = thing
    elif kind == "ContentPermission":
        space.permissions.append(thing)
    elif kind == "ConfluenceUserImpl":
        space.users[thing.id] = thing
    elif kind == "Space":
        space.names[thing.id] = thing.values.get("name", "")
    elif kind == "Label":
        space.labels[thing.id] = thing.values.get("name", "")
    else:
        space.labelled.append(thing)
