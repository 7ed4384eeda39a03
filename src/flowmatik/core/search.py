"""What runs are found by: their tags, and what a filter may ask."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flowmatik.contracts.runs import (
    MAX_TAG_CHARACTERS,
    MAX_TAGS,
    MAX_TEXT_CHARACTERS,
    TAG_ALPHABET,
    TEXT_DAYS,
    RunFilter,
)
from flowmatik.core.journal.search_port import HeadFilter, folded
from flowmatik.core.journal.times import seconds_of, text_of
from flowmatik.kernel.errors import InvalidInput

_TAG = re.compile(rf"[A-Za-z0-9_.:/-]{{1,{MAX_TAG_CHARACTERS}}}")


def check_tags(tags: Sequence[str]) -> None:
    """Raises InvalidInput (`input.tags`)."""
    if len(tags) > MAX_TAGS:
        raise InvalidInput(
            f"there are {len(tags)} tags; at most {MAX_TAGS} are allowed",
            code="input.tags",
            context={"count": len(tags), "limit": MAX_TAGS},
        )
    for tag in tags:
        if not _TAG.fullmatch(tag):
            shown = ascii(tag[:100])
            raise InvalidInput(
                f"{shown} is no tag; a tag has 1 to {MAX_TAG_CHARACTERS} characters: {TAG_ALPHABET}",
                code="input.tags",
                context={"value": shown, "limit": MAX_TAG_CHARACTERS},
            )


def thread_tags(thread: str) -> tuple[str, ...]:
    """The tag by which the runs of a conversation are found; none without one."""
    return (f"thread:{thread}",) if thread else ()


def wanted_heads(wanted: RunFilter, now: datetime) -> HeadFilter:
    """What the journal is asked for. Raises InvalidInput for what could match nothing by its form."""
    check_tags(wanted.tags)
    words = _words(wanted.text)
    since, until = _time(wanted.created_after), _time(wanted.created_before)
    if words and not since:
        newest = min(seconds_of(until), now.timestamp()) if until else now.timestamp()
        since = text_of(datetime.fromtimestamp(newest, UTC) - timedelta(days=TEXT_DAYS))
    if since and until and until <= since:
        raise InvalidInput(
            f"the time until which runs are looked for ({wanted.created_before!r}) is not after the one from "
            f"which they are ({wanted.created_after!r}); nothing lies between them",
            code="input.filter",
            context={"since": since, "until": until},
        )
    return HeadFilter(
        statuses=tuple(dict.fromkeys(status.value for status in wanted.statuses)),
        agent=_plain(wanted.agent),
        tags=tuple(dict.fromkeys((*wanted.tags, *thread_tags(_plain(wanted.thread))))),
        since=since,
        until=until,
        words=words,
        parent=_plain(wanted.parent),
    )


def _words(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(folded(text[: MAX_TEXT_CHARACTERS + 1]).split()))
    if len(text) > MAX_TEXT_CHARACTERS or (text and not words):
        raise InvalidInput(
            f"goals cannot be searched for {text[:50]!a}; give one word or more, in at most "
            f"{MAX_TEXT_CHARACTERS} characters",
            code="input.search",
            context={"value": ascii(text[:50]), "limit": MAX_TEXT_CHARACTERS},
        )
    return words


def _time(text: str) -> str:
    """As the journal writes it, "" for none. Raises InvalidInput (`input.time`)."""
    if not text:
        return ""
    seconds_of(text)
    try:
        return text_of(datetime.fromisoformat(text))
    except OverflowError as error:
        raise InvalidInput(
            f"the time {text!r} is beyond the calendar; write it like 2026-01-31T08:00:00Z",
            code="input.time",
            context={"text": text},
        ) from error


def _plain(name: str) -> str:
    """Raises InvalidInput for a name that no store could be asked for."""
    if "\0" in name or not name.isprintable():
        raise InvalidInput(
            f"{name[:100]!a} is no name that runs could be found by",
            code="input.filter_name",
            context={"value": ascii(name[:100])},
        )
    return name
