"""Where answers are kept that may be given again: in memory, or in the database for all processes."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol, cast

from flowmatik.contracts.database import Database
from flowmatik.contracts.models import ModelReply, ToolCall, Usage
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock

MOST_ANSWERS = 10_000  # of a workspace
MOST_MEMORY_BYTES = 32 * 1024 * 1024
EACH = 500  # bytes that an answer in memory takes beside its text: its key, and its places
PRUNED_AT_ONCE = 100


class Answers(Protocol):
    """Every method is for one workspace, which sees no other's. May raise FlowmatikError."""

    async def get(self, workspace_id: str, key: str) -> ModelReply | None: ...

    async def put(
        self, workspace_id: str, key: str, reply: ModelReply, *, seconds: int, run_id: str = ""
    ) -> None:
        """For so long, at most; the oldest make way. It goes with the run that asked, if it is said."""
        ...

    async def forget(self, workspace_id: str) -> int:
        """All of the workspace; how many there were."""
        ...


def written(reply: ModelReply) -> str:
    """What is kept of it: what was answered, by which model. What it cost then is nobody's cost now."""
    calls = [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in reply.tool_calls]
    return canonical.dumps({"text": reply.text, "calls": calls, "model": reply.model, "finish": reply.finish})


def read(body: str) -> ModelReply:
    kept = cast("dict[str, Any]", canonical.loads(body))
    calls = cast("list[dict[str, Any]]", kept["calls"])
    return ModelReply(
        text=kept["text"],
        tool_calls=tuple(ToolCall(id=c["id"], name=c["name"], arguments=c["arguments"]) for c in calls),
        usage=Usage(),
        cost_micros=0,
        model=kept["model"],
        finish=kept["finish"],
        cached=True,
    )


class MemoryAnswers:
    """Implements `Answers` for one process; at most `most_bytes` of all workspaces together."""

    def __init__(self, clock: Clock, *, most_bytes: int = MOST_MEMORY_BYTES) -> None:
        self._clock = clock
        self._most = most_bytes
        self._kept: OrderedDict[tuple[str, str], tuple[float, str]] = OrderedDict()
        self._bytes = 0

    async def get(self, workspace_id: str, key: str) -> ModelReply | None:
        until, body = self._kept.get((workspace_id, key), (0.0, ""))
        if not body:
            return None
        if until <= self._clock.now().timestamp():
            self._drop((workspace_id, key))
            return None
        self._kept.move_to_end((workspace_id, key))
        return read(body)

    async def put(
        self, workspace_id: str, key: str, reply: ModelReply, *, seconds: int, run_id: str = ""
    ) -> None:
        del run_id  # runs outlive no process that keeps them in memory
        self._drop((workspace_id, key))
        body = written(reply)
        self._kept[workspace_id, key] = (self._clock.now().timestamp() + seconds, body)
        self._bytes += _size(body)
        while self._bytes > self._most:
            self._drop(next(iter(self._kept)))

    async def forget(self, workspace_id: str) -> int:
        gone = [key for key in self._kept if key[0] == workspace_id]
        for key in gone:
            self._drop(key)
        return len(gone)

    def _drop(self, key: tuple[str, str]) -> None:
        if key in self._kept:
            self._bytes -= _size(self._kept.pop(key)[1])


def _size(body: str) -> int:
    return EACH + sys.getsizeof(body)


class StoredAnswers:
    """Implements `Answers` in the table `model_answers`. `longest` bounds in seconds how long anything is
    kept, whatever is asked; None is no bound."""

    def __init__(
        self, database: Database, clock: Clock, *, most: int = MOST_ANSWERS, longest: int | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._most = most
        self._longest = longest

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    async def get(self, workspace_id: str, key: str) -> ModelReply | None:
        rows = await self._database.within(workspace_id).fetch(
            "SELECT body FROM model_answers WHERE workspace_id = $1 AND request = $2 AND expires_at > $3",
            workspace_id,
            key,
            self._now(),
        )
        return read(rows[0][0]) if rows else None

    async def put(
        self, workspace_id: str, key: str, reply: ModelReply, *, seconds: int, run_id: str = ""
    ) -> None:
        now = self._now()
        until = now + (seconds if self._longest is None else min(seconds, self._longest))
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO model_answers (workspace_id, request, body, expires_at, run_id)"
                    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id, request) DO UPDATE"
                    " SET body = excluded.body, expires_at = excluded.expires_at, run_id = excluded.run_id",
                    (workspace_id, key, written(reply), until, run_id),
                ),
                (
                    "DELETE FROM model_answers WHERE workspace_id = $1 AND expires_at <= $2",
                    (workspace_id, now),
                ),
                (
                    "DELETE FROM model_answers WHERE workspace_id = $1 AND request IN (SELECT request"
                    " FROM model_answers WHERE workspace_id = $1 ORDER BY expires_at DESC, request"
                    " LIMIT $2 OFFSET $3)",
                    (workspace_id, PRUNED_AT_ONCE, self._most),
                ),
            ]
        )

    async def forget(self, workspace_id: str) -> int:
        return sum(
            await self._database.within(workspace_id).transaction(
                [("DELETE FROM model_answers WHERE workspace_id = $1", (workspace_id,))]
            )
        )

    async def count(self, workspace_id: str, is_meant: Callable[[str], bool] | None = None) -> int:
        """Of how many answers that holds: of a text, or of what was handed to a tool. None: of all."""
        if is_meant is None:
            sql = "SELECT count(*) FROM model_answers WHERE workspace_id = $1"
            return int((await self._database.within(workspace_id).fetch(sql, workspace_id))[0][0])
        rows = await self._database.within(workspace_id).fetch(
            "SELECT body FROM model_answers WHERE workspace_id = $1", workspace_id
        )
        return await asyncio.to_thread(lambda: sum(_says(str(row[0]), is_meant) for row in rows))

    async def forget_expired(self) -> None:
        """Of all workspaces, where the store lets us see them."""
        await self._database.transaction(
            [("DELETE FROM model_answers WHERE expires_at <= $1", (self._now(),))]
        )


def _says(body: str, is_meant: Callable[[str], bool]) -> bool:
    reply = read(body)
    return any(map(is_meant, (reply.text, *(canonical.dumps(one.arguments) for one in reply.tool_calls))))
