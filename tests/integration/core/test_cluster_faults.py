"""A cluster of processes goes on through everything that may happen to one: no run is lost, nothing that acts
once is done twice, no budget is passed."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.integration.core.faults.books import check_effects, check_run, histories, pick_ups
from tests.integration.core.faults.clients import WS, Person, create_all, end_all, signal_all
from tests.integration.core.faults.fleet import Fleet, fleet
from tests.integration.core.faults.orders import order
from tests.integration.core.faults.storm import Storm
from tests.simulation.books import check_money
from tests.simulation.steps import walked
from tests.unit.core.engines import eventually

RUNS = 520
LEAST = 500
CAP_MICROS = 100_000
PICKED_UP_SECONDS = 5.0
PATIENCE_SECONDS = 120.0
LOST = "another owner has the run"


async def ended(at: Fleet) -> None:
    async def all_ended() -> bool:
        await asyncio.sleep(0.2)  # each look is a connection
        return await at.asked("SELECT 1 FROM runs WHERE ended_at = '' LIMIT 1") == []

    await eventually(all_ended, PATIENCE_SECONDS)


async def given_back(at: Fleet, spent: int) -> None:
    """Of the shared cap nothing is held any more but what was spent."""

    async def are_equal() -> bool:
        await asyncio.sleep(0.2)
        return await at.asked("SELECT granted_micros::int FROM caps WHERE scope = 'workspace'") == [(spent,)]

    await eventually(are_equal, PATIENCE_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [20])
async def test_a_cluster_lives_through_every_fault_and_does_everything_once(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with fleet(tmp_path) as at:
        await at.set_cap(WS, CAP_MICROS)
        made = await create_all(at, [order(chance, n) for n in range(RUNS)])
        assert len(made) == RUNS
        storm, person = Storm(fleet=at, chance=chance), Person(at)
        async with asyncio.TaskGroup() as others:
            deciding = others.create_task(person.decide())
            signalling = others.create_task(signal_all(at, made, chance))
            try:
                await storm.blow()
            finally:
                print("\n".join(storm.did))
            person.calm = True
            await end_all(at, made)
            await signalling
            await ended(at)
            deciding.cancel()
        found = await histories(at)
        spent = sum(check_run(run_id, one, found[run_id]) for run_id, one in made.items())
        check_effects(at.far, made)
        paid = [found[run_id] for run_id, one in made.items() if one.new.budget_micros]
        check_money(CAP_MICROS, paid, [walked(history) for history in paid])
        assert at.far.spent.total() <= spent
        await given_back(at, spent)
    assert storm.least >= LEAST
    for member in storm.robbed:
        assert LOST in member.log.read_text(), f"{member.name} was not missed"
    [death] = storm.deaths
    took = pick_ups(death, found)
    assert took.keys() == death.held.keys() != set()
    assert max(took.values()) <= PICKED_UP_SECONDS, sorted(took.values())[-5:]
