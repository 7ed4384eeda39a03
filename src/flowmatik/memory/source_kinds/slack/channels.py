"""Who and which channels there are in an export of Slack."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_parts.archives import Archive, unreadable
from flowmatik.memory.source_parts.whom import user
from flowmatik.memory.source_settings import lost

_USERS = ("users.json", "org_users.json")
_PRIVATE = ("groups.json", "mpims.json", "dms.json")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
_MOST_JSON = 64 * 1024 * 1024
Message = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """`folder` in the archive; `title` as people know it; `place`: below which its documents are named;
    `members`: their ids, None for everybody."""

    folder: str
    title: str
    place: str
    members: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    names: Mapping[str, str]
    mails: Mapping[str, str]
    channels: Mapping[str, str]

    def name(self, user_id: str) -> str:
        return self.names.get(user_id, user_id)

    def principals(self, members: Iterable[str]) -> tuple[str, ...]:
        found = (user(self.mails.get(one, "")) for one in members)
        return tuple(dict.fromkeys(filter(None, found)))


def people_of(archive: Archive) -> People:
    names: dict[str, str] = {}
    mails: dict[str, str] = {}
    for one in (one for file in _USERS for one in _listed(archive, file)):
        profile = cast("dict[str, Any]", one.get("profile") or {})
        known = (
            profile.get("real_name"), one.get("real_name"), profile.get("display_name"), one.get("name"),
        )  # fmt: skip
        names[_text(one.get("id"))] = next((_text(each) for each in known if each), _text(one.get("id")))
        mails[_text(one.get("id"))] = _text(profile.get("email"))
    channels = {
        _text(one.get("id")): _text(one.get("name"))
        for one in (*_listed(archive, "channels.json"), *_listed(archive, "groups.json"))
    }
    return People(names=names, mails=mails, channels=channels)


def channels_of(archive: Archive, people: People) -> Sequence[Channel]:
    found = [_channel(one, None) for one in _listed(archive, "channels.json")]
    for file in _PRIVATE:
        for one in _listed(archive, file):
            members = one.get("members")
            ids = tuple(map(_text, cast("list[Any]", members))) if isinstance(members, list) else ()
            named = ", ".join(sorted(map(people.name, ids))) if file != "groups.json" else ""
            found.append(_channel(one, ids, named))
    return [one for one in found if one.folder]


def days_of(archive: Archive, channel: Channel) -> Iterator[Sequence[Message]]:
    """By name, which is by day. Raises DocumentError for one that cannot be read."""
    prefix = f"{channel.folder}/"
    for name in sorted(name for name in (*archive.members, *archive.refused) if name.startswith(prefix)):
        if not _DAY.fullmatch(name.removeprefix(prefix)):
            continue
        if name in archive.refused:
            raise archive.refused[name]
        yield _objects(archive.read(archive.members[name], _MOST_JSON), name)


def _channel(one: Mapping[str, Any], members: tuple[str, ...] | None, named: str = "") -> Channel:
    own, name = _text(one.get("id")), _text(one.get("name"))
    return Channel(
        folder=name or own,
        title=named or f"#{name}",
        place=f"direct/{named} ({own})" if named else name,
        members=members,
    )


def _listed(archive: Archive, file: str) -> Sequence[Message]:
    """Without one of these files nobody knows who may see what: the export is refused as a whole."""
    if file in archive.refused:
        raise lost(archive.place, archive.refused[file].message)
    member = archive.members.get(file)
    if member is None:
        return ()
    try:
        return _objects(archive.read(member, _MOST_JSON), file)
    except DocumentError as error:
        raise lost(archive.place, error.message) from error


def _objects(data: bytes, name: str) -> Sequence[Message]:
    try:
        found: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise unreadable(name, f"it is no JSON: {error}") from error
    if not isinstance(found, list):
        raise unreadable(name, "a list is expected")
    return [cast("Message", one) for one in cast("list[object]", found) if isinstance(one, dict)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
