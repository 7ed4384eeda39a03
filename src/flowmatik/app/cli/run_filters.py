"""Which runs a command speaks of: the options that `runs list` and `runs bulk` share."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import typer

from flowmatik.contracts.runs import RunFilter, RunStatus
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import InvalidInput

Statuses = Annotated[list[RunStatus] | None, typer.Option("--status", help="help.runs.status")]
Agent = Annotated[str, typer.Option("--agent", help="help.runs.of_agent", show_default=False)]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="help.runs.tag")]
Since = Annotated[str, typer.Option("--since", help="help.runs.since", show_default=False)]
Until = Annotated[str, typer.Option("--until", help="help.runs.until", show_default=False)]
Text = Annotated[str, typer.Option("--text", help="help.runs.text", show_default=False)]
_AGO = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def filter_of(
    status: Sequence[RunStatus] | None,
    agent: str,
    tag: Sequence[str] | None,
    since: str,
    until: str,
    text: str,
) -> RunFilter:
    """Raises InvalidInput for a time that is none."""
    now = SystemClock().now()
    return RunFilter(
        statuses=tuple(status or ()),
        agent=agent,
        tags=tuple(tag or ()),
        created_after=moment(since, now),
        created_before=moment(until, now),
        text=text,
    )


def moment(given: str, now: datetime) -> str:
    """RFC 3339 as it stands, or so long before `now`: `90s`, `30m`, `3h`, `2d`, `1w`."""
    if not given:
        return ""
    ago = _AGO.fullmatch(given.strip())
    try:
        if ago:
            return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).isoformat()
        if datetime.fromisoformat(given).tzinfo is not None:
            return given
    except (ValueError, OverflowError) as error:
        raise _no_moment(given) from error
    raise _no_moment(given)


def _no_moment(given: str) -> InvalidInput:
    return InvalidInput(
        f"{given!r} is no time; write for instance 2d, 3h, or 2026-01-31T08:00:00Z",
        code="input.moment",
        context={"value": given},
    )
