"""Dispatch in simulated lives: what Redis loses is found in the journal, and each part of the engine that
sees to that is missed in some seed when it is taken away."""

from collections import Counter

import pytest

from flowmatik.core import build
from flowmatik.core.engine import serving
from flowmatik.core.engine.choice import Room
from flowmatik.core.engine.engine import Engine
from flowmatik.core.engine.offers import Offers
from flowmatik.core.journal.memory import InMemoryJournal
from flowmatik.core.journal.port import Claim, Versions
from tests.simulation.sabotage import fault_of
from tests.simulation.scenario import simulate
from tests.simulation.storms import AFTER


def test_runs_end_whatever_becomes_of_redis_after_the_storm() -> None:
    ways = Counter(simulate(seed, hints=True).after for seed in range(30))
    assert ways.keys() == {*AFTER}


def starved(fault: str) -> bool:
    """A run that could go on is driven by nobody."""
    return "lost" in fault or "nobody reads" in fault


class Trusting(Offers):
    """Believes that what was offered is taken up, and looks in the journal only when it is told to."""

    async def room(self) -> Room:
        offered = dict(vars(self)["_offered"])
        room = await super().room()
        vars(self)["_offered"].update(offered)
        return room


def test_a_scheduler_that_trusts_the_stream_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "Offers", Trusting)
    assert starved(fault_of(hints=True, team=False))


def test_a_worker_that_waits_for_offers_it_cannot_hear_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "DEAF_SECONDS", float("inf"))
    assert starved(fault_of(hints=True, team=False))


class Unclaimed(Engine):
    """Acts on an offer without asking the journal whose the run is."""

    async def _claimed(self, run_id: str, version: str = "", decided: Versions | None = None) -> Claim | None:
        journal = self._parts.journal
        head, events = await journal.head(None, run_id), await journal.read(run_id)
        return None if head.ended_at else Claim(head=head, events=tuple(events))


def test_a_worker_that_acts_on_an_offer_without_a_claim_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "Engine", Unclaimed)
    assert fault_of(hints=True, team=False)


class Everlasting(InMemoryJournal):
    """Whoever led once leads for ever."""

    async def lead(self, name: str, owner: str, *, ttl_seconds: float) -> bool:
        return await super().lead(name, owner, ttl_seconds=1e9 * ttl_seconds)


def test_a_scheduler_that_nobody_follows_is_noticed() -> None:
    assert starved(fault_of(store=Everlasting, hints=True, team=False))
