"""What the tables of the catalogue say of an agent, and the statements that change it.

Every change writes the next number of the agent's changes in the transaction that carries it out. Two
changes that saw the same state want the same number, so that one of them is rolled back whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import (
    MAX_REASON,
    AgentChange,
    Author,
    Deprecation,
    Origin,
    Share,
    Shares,
    main_of,
)
from flowmatik.contracts.database import Database, Row, Statement
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound

TAKEN = "conflict.exists"  # what stores say when a key is there already
BLOCK, WARN = "block", "warn"
_CHANGES = (
    "SELECT number, made_at, made_by, what, channel, was, becomes, reason FROM agent_changes"
    " WHERE workspace_id = $1 AND name = $2 ORDER BY number DESC"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """One agent as it was read: `revision` is the number of its last change."""

    name: str
    revision: int
    channels: Mapping[str, Shares]
    deprecations: Mapping[str, Deprecation] = field(default_factory=lambda: {})

    def shown(self) -> str:
        """For messages: `stable: 1a2b 90 %, 3c4d 10 %; canary: 3c4d`."""
        return "; ".join(f"{name}: {shown(shares)}" for name, shares in self.channels.items()) or "no channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change to be: `channel` from what it is to `becomes`; () takes it away."""

    what: str
    channel: str
    becomes: Shares


def shown(shares: Shares) -> str:
    if len(shares) == 1:
        return shares[0].version
    return ", ".join(f"{share.version} {share.weight} %" for share in shares)


def shares_of(version: str, split: str) -> Shares:
    pairs: list[tuple[str, int]] = canonical.loads(split) if split else [(version, 100)]
    return tuple(Share(version=one, weight=weight) for one, weight in pairs)


def split_of(shares: Shares) -> str:
    return canonical.dumps([[share.version, share.weight] for share in shares]) if len(shares) > 1 else ""


def _text_of(shares: Shares) -> str:
    return canonical.dumps([[share.version, share.weight] for share in shares])


async def state_of(database: Database, workspace_id: str, name: str) -> AgentState:
    """The revision is read first: what changes afterwards makes the next change fail."""
    revision = await database.fetch(
        "SELECT coalesce(max(number), 0) FROM agent_changes WHERE workspace_id = $1 AND name = $2",
        workspace_id,
        name,
    )
    channels = await database.fetch(
        "SELECT channel, version, split FROM agent_channels WHERE workspace_id = $1 AND name = $2"
        " ORDER BY channel",
        workspace_id,
        name,
    )
    deprecated = await database.fetch(
        "SELECT version, deprecated, deprecated_why FROM agent_versions"
        " WHERE workspace_id = $1 AND name = $2 AND deprecated <> ''",
        workspace_id,
        name,
    )
    return AgentState(
        name=name,
        revision=int(revision[0][0]),
        channels={str(row[0]): shares_of(str(row[1]), str(row[2])) for row in channels},
        deprecations={
            str(row[0]): Deprecation(blocked=row[1] == BLOCK, reason=str(row[2])) for row in deprecated
        },
    )


async def changes_of(database: Database, workspace_id: str, name: str) -> list[AgentChange]:
    """The newest first."""
    return [_change(row) for row in await database.fetch(_CHANGES, workspace_id, name)]


def _change(row: Row) -> AgentChange:
    number, at, by, what, channel, was, becomes, reason = row
    return AgentChange(
        number=int(number),
        at=str(at),
        by=str(by),
        what=str(what),
        channel=str(channel),
        was=shares_of("", str(was)),
        becomes=shares_of("", str(becomes)),
        reason=str(reason),
    )


def statements(
    workspace_id: str, state: AgentState, steps: Sequence[Step], author: Author, at: str
) -> list[Statement]:
    """Those that carry out `steps`, in the order in which they must be: the fence first."""
    if len(author.reason) > MAX_REASON:
        raise InvalidInput(
            f"the reason has {len(author.reason)} characters; at most {MAX_REASON} are allowed",
            code="input.reason_long",
            context={"characters": len(author.reason), "most": MAX_REASON},
        )
    found: list[Statement] = []
    for number, step in enumerate(steps, start=state.revision + 1):
        was = state.channels.get(step.channel, ())
        if step.what in ("deprecated", "restored"):
            was = step.becomes
        values = (author.by, step.what, step.channel, _text_of(was), _text_of(step.becomes), author.reason)
        found.append(
            (
                "INSERT INTO agent_changes (workspace_id, name, number, made_at, made_by, what, channel, was,"
                " becomes, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                (workspace_id, state.name, number, at, *values),
            )
        )
    return found


def pointed(workspace_id: str, name: str, channel: str, shares: Shares) -> Statement:
    return (
        "INSERT INTO agent_channels (workspace_id, name, channel, version, split) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (workspace_id, name, channel) DO UPDATE"
        " SET version = excluded.version, split = excluded.split",
        (workspace_id, name, channel, main_of(shares), split_of(shares)),
    )


def stored(workspace_id: str, agent: AgentVersion, text: str, origin: Origin, at: str) -> Statement:
    """A version is stored once; its origin is how it came to be the first time."""
    return (
        "INSERT INTO agent_versions (workspace_id, name, version, content, created_at, origin)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, name, version) DO NOTHING",
        (workspace_id, agent.name, agent.version, text, at, canonical.dumps(asdict(origin))),
    )


def origin_of(text: str) -> Origin:
    given: dict[str, Any] = canonical.loads(text) if text else {}
    return Origin(**given)


def changed(state: AgentState, last: AgentChange | None) -> Conflict:
    """Somebody else was faster."""
    what, by, at = (last.what, last.by or "?", last.at) if last else ("?", "?", "?")
    return Conflict(
        f"the agent {state.name!r} was changed meanwhile ({what} by {by} at {at}); nothing of this change "
        f"was carried out. It is at revision {state.revision} now, with {state.shown()}: look, and try again",
        code="conflict.agent_changed",
        context={
            "agent": state.name,
            "what": what,
            "by": by,
            "at": at,
            "revision": state.revision,
            "state": state.shown(),
        },
    )


def blocked(name: str, version: str, reason: str) -> Conflict:
    return Conflict(
        f"the version {name}@{version} is blocked ({reason or 'no reason given'}); runs that have it go on, "
        "but no new one gets it: use another version",
        code="conflict.agent_blocked",
        context={"agent": name, "version": version, "reason": reason or "–"},
    )


def refuse_blocked(state: AgentState, shares: Shares) -> None:
    """Raises Conflict when one of them is blocked."""
    for share in shares:
        told = state.deprecations.get(share.version)
        if told is not None and told.blocked:
            raise blocked(state.name, share.version, told.reason)


def no_channel(state: AgentState, channel: str) -> NotFound:
    return NotFound(
        f"the agent {state.name!r} has no channel {channel!r}; it has {state.shown()}",
        code="not_found.channel",
        context={"agent": state.name, "channel": channel, "state": state.shown()},
    )
