"""A Google Takeout of Drive: files, and beside each `<name>-info.json`, which says with whom it is shared.

A file that says nothing of it is for whom the source's own setting says. Sharing by link names nobody; with a
whole domain it is with the group of that name.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from flowmatik.contracts.sources import SourceReader, SourceSetup
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.archives import Archive, Member
from flowmatik.memory.source_parts.exports import Filed, Piece, build_export
from flowmatik.memory.source_parts.made import Made
from flowmatik.memory.source_parts.whom import group, nobody, user
from flowmatik.memory.source_settings import lost

_PLACE = re.compile(r"(?:[^/]+/)?Drive/(.+)")  # `Takeout/`, in the language of the account
_INFO = "-info.json"
_MOST_INFO = 1024 * 1024


def build(given: SourceSetup) -> SourceReader:
    return build_export("drive", given, _unpack)


def _unpack(archive: Archive) -> Iterator[Piece]:
    files = {found[1]: one for name, one in archive.members.items() if (found := _PLACE.fullmatch(name))}
    if not files:
        raise lost(archive.place, "it is no Takeout of Drive: it has no folder Drive")
    damaged = {found[1] for name in archive.refused if (found := _PLACE.fullmatch(name))}
    stems = {stem for path in files for stem in _stems(path)}
    for path, member in files.items():
        if not _is_info(path, files, stems):
            yield _piece(archive, path, member, files, damaged)


def _is_info(path: str, files: Mapping[str, Member], stems: set[str]) -> bool:
    """Also one whose file is of no use to anybody, and not there. Of `notes.docx` it may be
    `notes-info.json`."""
    named = path.removesuffix(_INFO)
    return named != path and (named in files or named in stems)


def _stems(path: str) -> Iterator[str]:
    """The path up to each dot in its name."""
    folder, slash, name = path.rpartition("/")
    yield from (f"{folder}{slash}{name[:at]}" for at, sign in enumerate(name) if sign == ".")


def _piece(
    archive: Archive, path: str, member: Member, files: Mapping[str, Member], damaged: set[str]
) -> Piece:
    names = (f"{path}{_INFO}", f"{path.rpartition('.')[0]}{_INFO}")
    name = next((one for one in names if one in files or one in damaged), "")
    if not name:
        return Filed(path=path, member=member)
    try:
        if name in damaged:
            raise nobody(path, f"{name} cannot be read")
        info = _info(archive, path, files[name])
        acl = _acl(path, info)
    except DocumentError as fault:
        return Made(path=path, fault=fault)
    said = {"title": info.get("title"), "author": _owner(info), "created": info.get("created")}
    return Filed(
        path=path,
        member=member,
        acl=acl,
        metadata={key: str(value)[:1000] for key, value in said.items() if value},
        dated=str(info.get("content_last_modified") or info.get("last_modified_by_any_user") or ""),
    )


def _info(archive: Archive, path: str, member: Member) -> Mapping[str, Any]:
    try:
        found: object = json.loads(archive.read(member, _MOST_INFO))
    except (ValueError, RecursionError) as error:
        raise nobody(path, f"{member.name} is no JSON") from error
    if not isinstance(found, dict):
        raise nobody(path, f"{member.name} is no object")
    return cast("Mapping[str, Any]", found)


def _permissions(info: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given: object = info.get("permissions")
    items = cast("list[object]", given) if isinstance(given, list) else []
    return [cast("Mapping[str, Any]", one) for one in items if isinstance(one, dict)]


def _owner(info: Mapping[str, Any]) -> str:
    owners = (one for one in _permissions(info) if one.get("role") == "owner")
    return next((str(one.get("name") or one.get("email_address") or "") for one in owners), "")


def _acl(path: str, info: Mapping[str, Any]) -> tuple[str, ...] | None:
    """None when nothing is said of it."""
    if "permissions" not in info:
        return None
    found: list[str] = []
    for one in _permissions(info):
        kind = str(one.get("type") or "")
        mail = str(one.get("email_address") or one.get("emailAddress") or "")
        if kind == "anyone" and not (one.get("with_link") or str(one.get("id")) == "anyoneWithLink"):
            return ()
        if kind == "user":
            found.append(user(mail))
        elif kind == "group":
            found.append(group(mail))
        elif kind == "domain":
            found.append(group(str(one.get("domain") or one.get("name") or "")))
    acl = tuple(dict.fromkeys(filter(None, found)))
    if not acl:
        raise nobody(path, "its permissions name nobody with an address")
    return acl
