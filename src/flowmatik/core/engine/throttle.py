"""Limits on calls of models and tools: so many at once, so many a minute.

A call that would pass one waits for its turn, in its run's slot. Rates are token buckets: a minute's worth
flows in evenly, and up to `burst` may be saved (the network's leaky bucket as a meter, ITU-T I.371).
"""

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from flowmatik.contracts.limits import EVERYWHERE, Limit
from flowmatik.contracts.tools import ToolBox
from flowmatik.core import events as ev
from flowmatik.core.engine.effects import RunPlace
from flowmatik.core.engine.limits import KnownLimits
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import JournalUnavailable, Unavailable

AGAIN_SECONDS = 0.1  # how long to wait for one of those at work
LONGEST_SECONDS = 1.0  # then it is looked whether the call is still wanted
AT_ONCE = nullcontext()  # of nearly all calls: there is no limit on them
GRACE_SECONDS = 10.0  # beyond its time-out, until the turn of a process that died is another's


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one call asks: `ticket` names it, `seconds` is the most that it takes."""

    ticket: str
    limits: tuple[Limit, ...]
    seconds: float


class Throttle(Protocol):
    async def enter(self, turn: Turn) -> float:
        """0 when it is this call's turn, under all its limits or under none; else seconds after which to
        ask again."""
        ...

    async def leave(self, turn: Turn) -> None: ...

    async def keep(self) -> None:
        """For ever: tells others that calls are still at work, and gives back what could not be given back
        at once."""
        ...


class LocalThrottle:
    """For the calls of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # tokens, when

    async def enter(self, turn: Turn) -> float:
        now = self._clock.monotonic()
        wait = max((self._wait(limit, now) for limit in turn.limits), default=0.0)
        if wait > 0:
            return wait
        for limit in turn.limits:
            key = _key(limit)
            if limit.most is not None:
                self._open[key].add(turn.ticket)
            if limit.per_minute is not None:
                self._buckets[key] = (self._tokens(limit, now) - 1.0, now)
        return 0.0

    def hold(self, turn: Turn) -> None:
        """Its turn was given elsewhere; it counts here too, until it leaves."""
        for limit in turn.limits:
            if limit.most is not None:
                self._open[_key(limit)].add(turn.ticket)

    def _wait(self, limit: Limit, now: float) -> float:
        if limit.most is not None and len(self._open[_key(limit)]) >= limit.most:
            return AGAIN_SECONDS
        if limit.per_minute is None:
            return 0.0
        lacking = 1.0 - self._tokens(limit, now)
        if lacking <= 1e-9:
            return 0.0
        return LONGEST_SECONDS if limit.per_minute <= 0 else lacking * 60.0 / limit.per_minute

    def _tokens(self, limit: Limit, now: float) -> float:
        full = float(burst_of(limit))
        tokens, at = self._buckets.get(_key(limit), (full, now))
        return min(full, tokens + (now - at) * (limit.per_minute or 0.0) / 60.0)

    async def leave(self, turn: Turn) -> None:
        for limit in turn.limits:
            self._open[_key(limit)].discard(turn.ticket)

    async def keep(self) -> None:
        await asyncio.Event().wait()  # there is nobody else to tell


def burst_of(limit: Limit) -> int:
    """A second's worth, and at least one, unless it says otherwise."""
    return limit.burst if limit.burst is not None else max(1, round((limit.per_minute or 0.0) / 60.0))


def _key(limit: Limit) -> tuple[str, str]:
    return (limit.workspace_id, limit.scope)


class CallLimits:
    """Gives calls their turns: under the limits that operators set, and the rate that a tool declares."""

    def __init__(
        self, known: KnownLimits, throttle: Throttle, clock: Clock, tools: ToolBox | None = None
    ) -> None:
        self._known = known
        self._tools = tools
        self._throttle = throttle
        self._clock = clock

    def turn(
        self, call: ev.CallRequested, place: RunPlace, wanted: Callable[[], bool]
    ) -> AbstractAsyncContextManager[None]:
        """The block runs when it is the call's turn, or when it is `wanted` no more."""
        limits = self._known.now.on_call(place.workspace_id, f"{call.kind}:{call.name}")
        limits += self._declared(call)
        return self._turn(call, place, wanted, limits) if limits else AT_ONCE

    @asynccontextmanager
    async def _turn(
        self, call: ev.CallRequested, place: RunPlace, wanted: Callable[[], bool], limits: Sequence[Limit]
    ) -> AsyncGenerator[None]:
        turn = Turn(
            ticket=f"{place.run_id}:{call.call_id}",
            limits=tuple(limits),
            seconds=call.timeout + GRACE_SECONDS,
        )
        try:
            while (wait := await self._throttle.enter(turn)) > 0 and wanted():
                await self._clock.sleep(min(wait, LONGEST_SECONDS))
            yield
        finally:  # also of one that was given a turn and never heard of it
            await self._throttle.leave(turn)

    @asynccontextmanager
    async def turn_of_model(
        self, workspace_id: str, model: str, ticket: str, seconds: float, patience: float
    ) -> AsyncGenerator[None]:
        """As `turn`, of a call outside of runs, which takes at most so many `seconds`. Raises Unavailable
        (`rate.model`) when it is not its turn within `patience` seconds."""
        with contextlib.suppress(JournalUnavailable):  # what was known stays known
            await self._known.refresh()
        limits = self._known.now.on_call(workspace_id, f"model:{model}")
        if not limits:
            yield
            return
        turn = Turn(ticket=ticket, limits=tuple(limits), seconds=seconds + patience + GRACE_SECONDS)
        until = self._clock.monotonic() + patience
        try:
            while (wait := await self._throttle.enter(turn)) > 0:
                if self._clock.monotonic() + wait > until:
                    raise _too_many(model, wait)
                await self._clock.sleep(min(wait, LONGEST_SECONDS))
            yield
        finally:
            await self._throttle.leave(turn)

    async def keep(self) -> None:
        """As of the throttle."""
        await self._throttle.keep()

    def _declared(self, call: ev.CallRequested) -> list[Limit]:
        if self._tools is None or call.kind != "tool":
            return []
        spec = self._tools.specs().get(call.name)
        if spec is None:
            return []
        rates = ((call.name, spec.rate_per_minute), (f"{spec.origin}:*", spec.source_rate_per_minute))
        return [  # beside what an operator sets for the same tool
            Limit(workspace_id=EVERYWHERE, scope=f"declared:{name}", per_minute=rate)
            for name, rate in rates
            if rate is not None
        ]


def _too_many(model: str, wait: float) -> Unavailable:
    seconds = max(1, math.ceil(wait))
    return Unavailable(
        f"as many calls of {model!r} are made as its limit allows; try again in {seconds} s",
        code="rate.model",
        context={"model": model, "retry_after": seconds},
    )
