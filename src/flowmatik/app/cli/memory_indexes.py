"""What `flowmatik memory status` and `rebuild --index` say of indexes outside."""

import dataclasses
from collections.abc import Sequence

from flowmatik.app.backend import Backend
from flowmatik.app.cli.session import Session
from flowmatik.app.exit_codes import ExitCode
from flowmatik.contracts.memory_indexes import IndexState
from flowmatik.kernel.errors import PermissionDenied


async def index_states(backend: Backend) -> list[IndexState]:
    """None for who may not know: only administrators are told by a server."""
    try:
        return await backend.memory_indexes.states(backend.workspace_id)
    except PermissionDenied:
        return []


async def rebuild_indexes(session: Session) -> int:
    found = await session.on_backend(lambda backend: backend.memory_indexes.rebuild(backend.workspace_id))
    if session.json:
        session.print_json({"items": [dataclasses.asdict(one) for one in found], "next": None})
    elif found:
        print_indexes(session, found)
    else:
        session.say("memory.index.none")
    return ExitCode.OK


def print_indexes(session: Session, states: Sequence[IndexState]) -> None:
    for one in states:
        values = {"index": one.index, "version": one.version or "–", "fault": one.fault}
        values |= {"stored": one.stored, "indexed": one.indexed, "behind": one.behind}
        session.print(session.text(f"memory.index.{one.leg}", **values))
        session.print("  " + session.text(f"memory.index.{_kind(one)}", **values))


def _kind(one: IndexState) -> str:
    if one.fault:
        return "away"
    if one.behind:
        return "behind"
    if one.differs:
        return "other"
    return "agrees" if one.agrees else "differs"
