"""Messages of a channel, as people read them."""

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from flowmatik.memory.source_kinds.slack.channels import Channel, Message, People
from flowmatik.memory.source_parts.made import Made
from flowmatik.memory.source_parts.said import message

_MARK = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_NOISE = frozenset((
    "channel_join", "channel_leave", "group_join", "group_leave", "channel_archive", "channel_unarchive",
    "bot_add", "bot_remove", "pinned_item", "tombstone",
))  # fmt: skip


def talks(channel: Channel, messages: Iterable[Message], people: People) -> Iterator[Made]:
    threads: dict[str, list[Message]] = {}
    days: dict[str, list[Message]] = {}
    known: dict[str, Message] = {}
    for one in messages:
        if one.get("subtype") not in _NOISE and _time(one) is not None:
            known[str(one["ts"])] = one
    replied = {str(one["thread_ts"]) for ts, one in known.items() if one.get("thread_ts", ts) != ts}
    for ts, one in sorted(known.items(), key=lambda pair: float(pair[0])):
        thread = str(one.get("thread_ts", ts))
        if thread in replied:
            threads.setdefault(thread, []).append(one)
        else:
            days.setdefault(_when(one)[:10], []).append(one)
    for day, said in days.items():
        yield _made(channel, f"{channel.place}/{day}.md", f"{channel.title}, {day}", said, people)
    for thread, said in threads.items():
        first = _when(said[0])[:10]
        about = _plain(said[0], people).strip().splitlines()[:1] or [first]
        title = f"{channel.title}: {about[0][:80]}"
        yield _made(channel, f"{channel.place}/{first}-{thread}.md", title, said, people)


def _made(channel: Channel, path: str, title: str, said: Sequence[Message], people: People) -> Made:
    lines = [f"# {title}", *filter(None, (_line(one, people) for one in said))]
    authors = dict.fromkeys(_author(one, people) for one in said)
    return Made(
        path=path,
        data="\n\n".join(lines).encode("utf-8", "replace"),
        metadata={"channel": channel.title, "authors": ", ".join(authors)[:1000]},
        dated=_when(said[-1]),
    )


def _line(one: Message, people: People) -> str:
    text = _plain(one, people)
    return message(_author(one, people), _when(one), text) if text.strip() else ""


def _author(one: Message, people: People) -> str:
    profile = cast("Mapping[str, Any]", one.get("user_profile") or one.get("bot_profile") or {})
    named = (one.get("username"), profile.get("real_name"), profile.get("name"), "?")
    own = one.get("user")
    if isinstance(own, str) and own in people.names:
        return people.names[own]
    return next(str(name) for name in named if name)


def _plain(one: Message, people: People) -> str:
    """With the names of files, and what a bot puts into an attachment."""
    parts = [_resolved(str(one.get("text") or ""), people)]
    for more in _dicts(one.get("attachments")):
        parts.append(_resolved(str(more.get("text") or more.get("fallback") or ""), people))
    parts += [
        f"[{file.get('title') or file.get('name')}]" for file in _dicts(one.get("files")) if file.get("name")
    ]
    return "\n".join(filter(None, parts))


def _resolved(text: str, people: People) -> str:
    """Slack's marks (`<@U1>`, `<#C1|general>`, `<https://…|words>`, `<!here>`) as they are shown."""

    def shown(mark: re.Match[str]) -> str:
        kind, target, label = mark[1], mark[2], mark[3]
        if kind == "@":
            return f"@{people.names.get(target) or label or target}"
        if kind == "#":
            return f"#{label or people.channels.get(target, target)}"
        if kind == "!":
            return label or f"@{target.partition('^')[0]}"
        return f"{label} ({target})" if label and label != target else target

    return html.unescape(_MARK.sub(shown, text))


def _dicts(value: object) -> Sequence[Mapping[str, Any]]:
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("Mapping[str, Any]", one) for one in items if isinstance(one, dict)]


def _time(one: Message) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(str(one.get("ts"))), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _when(one: Message) -> str:
    at = _time(one)
    return at.isoformat(timespec="seconds") if at else ""
