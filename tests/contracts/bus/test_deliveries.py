"""At least once, in order per run and subscriber, whatever a handler or its process does."""

import asyncio
from dataclasses import replace

import pytest

from flowmatik.contracts.bus import Redriven
from flowmatik.core.dead_letters import RefusedEvents
from flowmatik.core.deliveries import ATTEMPTS, DEATHS
from flowmatik.core.journal.port import NewEvent
from flowmatik.kernel.events import CloudEvent
from tests.contracts.bus.worlds import Audit, World, until
from tests.contracts.journal.stores import creation, event, owned

SPREAD = pytest.mark.parametrize("bus", ["spread/memory", "spread/postgres"], indirect=True)


async def test_every_event_comes_once_and_in_order(world: World) -> None:
    audit = Audit()
    await world.process(audit)
    await world.process()

    async def write(run_id: str) -> None:
        run = await owned(world.journal, run_id)
        for _ in range(10):
            await run.append(run.next(event(), event()))

    runs = [f"run_{n}" for n in range(3)]
    await asyncio.gather(*(write(run_id) for run_id in runs))
    everything = {run_id: list(range(1, 23)) for run_id in runs}
    await until(lambda: audit.heard == everything)


async def test_several_processes_share_the_work_and_keep_the_order_of_every_run(world: World) -> None:
    audit, told = Audit(), set[int]()

    def handler(number: int):
        async def handle(one: CloudEvent) -> None:
            told.add(number)
            await asyncio.sleep(0.01)
            await audit(one)

        return handle

    for number in range(3):
        await world.process(handler(number))
    runs = [f"run_{n:02}" for n in range(60)]
    for run_id in runs:
        await owned(world.journal, run_id)
    await until(lambda: len(audit.heard) == 60 and all(seqs == [1, 2] for seqs in audit.heard.values()))
    assert len(told) > 1 or not world.spread


async def test_what_a_handler_refuses_is_tried_again_and_then_a_letter_that_keeps_later_events_back(
    world: World,
) -> None:
    audit = Audit(2)
    process = await world.process(audit)
    run = await owned(world.journal, "run_1")
    await until(lambda: audit.tries[2] == ATTEMPTS)
    await run.append(run.next(event()))
    await owned(world.journal, "run_2")
    await until(lambda: audit.tries[2] == 2 * ATTEMPTS)
    await world.until_letters(("run_1", 2, ATTEMPTS), ("run_2", 2, ATTEMPTS))
    assert audit.heard == {"run_1": [1], "run_2": [1]}
    assert await process.bus.redrive("audit", "run_1") == 0
    assert await world.letters() == [("run_1", 2, 2 * ATTEMPTS), ("run_2", 2, ATTEMPTS)], "attempts add up"
    audit.refuses = set()
    assert await process.bus.redrive("audit", "run_1") == 2
    await run.append(run.next(event()))
    await until(lambda: audit.heard["run_1"] == [1, 2, 3, 4])
    assert audit.heard["run_2"] == [1]


async def test_a_handler_that_fails_once_has_had_the_event_all_the_same(world: World) -> None:
    audit = Audit()
    failed: list[int] = []

    async def once(one: CloudEvent) -> None:
        if one.seq not in failed:
            failed.append(one.seq)
            raise RuntimeError("not now")
        await audit(one)

    await world.process(once)
    await owned(world.journal, "run_1")
    await until(lambda: audit.heard["run_1"] == [1, 2])
    assert await world.letters() == []


async def test_an_unordered_subscriber_goes_on_after_what_it_refused(world: World) -> None:
    audit = Audit(2)
    process = await world.process(audit, ordered=False)
    run = await owned(world.journal, "run_1")
    await run.append(run.next(event()))
    await until(lambda: audit.heard["run_1"] == [1, 3])
    await world.until_letters(("run_1", 2, ATTEMPTS))
    audit.refuses = set()
    assert await process.bus.redrive("audit", "run_1") == 1
    assert (audit.heard["run_1"], await world.letters()) == ([1, 3, 2], [])


async def test_what_a_process_had_when_it_died_comes_again_elsewhere(world: World) -> None:
    audit, dying = Audit(), asyncio.Event()

    async def hangs(one: CloudEvent) -> None:
        await audit(one)
        if one.seq == 2:
            dying.set()
            await asyncio.Event().wait()

    first = await world.process(hangs)
    run = await owned(world.journal, "run_1")
    await run.append(run.next(event()))
    await asyncio.wait_for(dying.wait(), 120)
    await first.die()
    await run.append(run.next(event()))
    await world.process(audit)
    await world.leases_end()
    await until(lambda: audit.heard["run_1"][-1:] == [4])
    heard = audit.heard["run_1"]
    assert sorted(set(heard)) == [1, 2, 3, 4]
    assert heard[heard.index(3) :] == [3, 4], "order holds after what came twice"


@SPREAD
async def test_a_process_that_stood_still_delivers_nothing_behind_the_one_that_went_on(world: World) -> None:
    first, audit, reached, woken = Audit(), Audit(), asyncio.Event(), asyncio.Event()

    async def stops(one: CloudEvent) -> None:
        await first(one)
        reached.set()
        await woken.wait()

    still = await world.process(stops)
    run = await owned(world.journal, "run_1")
    await run.append(run.next(event()))
    await asyncio.wait_for(reached.wait(), 120)
    still.tasks[0].cancel()  # it renews its lease no more
    await world.leases_end()
    await world.process(audit)
    await until(lambda: audit.heard["run_1"] == [1, 2, 3])
    await still.lease.renew()  # it is back, and has its lease again
    woken.set()
    await run.append(run.next(event()))
    await until(lambda: 4 in audit.heard["run_1"] + first.heard["run_1"])
    assert set(first.heard["run_1"]) <= {1, 4}


@SPREAD
async def test_an_event_that_ends_its_process_every_time_becomes_a_letter(world: World) -> None:
    audit, deaths = Audit(), 0

    async def deadly(one: CloudEvent) -> None:
        if (one.subject, one.seq) == ("run_2", 2):
            dying.set()
            await asyncio.Event().wait()
        await audit(one)

    await world.known()
    for name in ("run_1", "run_2", "run_3"):
        await owned(world.journal, name)
    while deaths < DEATHS:
        dying = asyncio.Event()
        process = await world.process(deadly)
        await asyncio.wait_for(dying.wait(), 120)
        await process.die()
        await world.leases_end()
        deaths += 1
    await world.process(deadly)
    await until(lambda: audit.heard["run_3"] == [1, 2] and audit.heard["run_1"] == [1, 2])
    await world.until_letters(("run_2", 2, DEATHS))


async def test_a_subscriber_that_was_away_catches_up(world: World) -> None:
    audit = Audit()
    first = await world.process(audit)
    run = await owned(world.journal, "run_1")
    await until(lambda: audit.heard["run_1"] == [1, 2])
    await first.stop()  # perhaps before it had noted its place: what it heard last comes again
    await world.process()
    await run.append(run.next(event(), event()))
    await owned(world.journal, "run_2")
    await world.until_relayed()
    await world.process(audit)
    await until(lambda: audit.each_once() == {"run_1": [1, 2, 3, 4], "run_2": [1, 2]})


async def test_every_event_carries_the_trace_of_its_run(world: World) -> None:
    audit, trace = Audit(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await world.process(audit, types=frozenset({"flowmatik.RunCreated", "flowmatik.RunClaimed"}))
    await world.journal.register_worker("wkr_a", ttl_seconds=60)
    first = NewEvent(type="RunCreated", payload=f'{{"traceparent":"{trace}"}}')
    await world.journal.create(replace(creation("run_1", owner="wkr_a"), events=(first,)))
    await until(lambda: audit.heard["run_1"] == [1, 2])
    assert {one.traceparent for one in audit.events} == {trace}
    assert [one.id for one in audit.events] == ["run_1:1", "run_1:2"]
    assert {one.workspace_id for one in audit.events} == {"default"}


async def test_a_redrive_is_done_where_the_subscriber_is_whoever_asks(world: World) -> None:
    audit = Audit(1)
    await world.process(audit)
    asking = await world.process()
    await owned(world.journal, "run_1")
    await world.until_letters(("run_1", 1, ATTEMPTS))
    audit.refuses = set()
    operators = RefusedEvents(world.journal, asking.bus, lambda _: world.journal)
    asked = await operators.redrive("default", "audit", "run_1")
    assert (asked.asked, asked.handled, [one.seq for one in asked.left]) == (True, 0, [1])
    await until(lambda: audit.heard["run_1"] == [1, 2])
    await world.until_letters()


async def test_a_redrive_that_nobody_can_do_waits_for_the_subscriber(world: World) -> None:
    audit = Audit(1)
    first = await world.process(audit)
    await owned(world.journal, "run_1")
    await world.until_letters(("run_1", 1, ATTEMPTS))
    await first.stop()
    asking = await world.process()
    audit.refuses = set()
    assert await asking.bus.redrive("audit", "run_1") is None
    await asking.stop()
    assert audit.heard["run_1"] == []
    await world.process(audit)
    await until(lambda: audit.heard["run_1"] == [1, 2])
    await world.until_letters()


async def test_a_redrive_at_work_here_is_done_at_once(world: World) -> None:
    audit = Audit(1)
    process = await world.process(audit)
    await owned(world.journal, "run_1")
    await world.until_letters(("run_1", 1, ATTEMPTS))
    audit.refuses = set()
    operators = RefusedEvents(world.journal, process.bus, lambda _: world.journal)
    assert await operators.redrive("default", "audit", "run_1") == Redriven(handled=2)


async def test_a_subscriber_that_is_not_durable_hears_what_passes_and_leaves_no_trace(world: World) -> None:
    counts = Audit(2)
    process = await world.process(counts, name="counts", durable=False)
    await until_begun(world, process)
    await owned(world.journal, "run_1")
    await owned(world.journal, "run_2")
    await until(lambda: set(counts.heard) == {"run_1", "run_2"} and counts.tries[2] == 2 * ATTEMPTS)
    assert await world.letters() == []
    assert await world.journal.subscriber_seq("counts", "run_1") is None


async def until_begun(world: World, process: object) -> None:
    """A reader of live events has its place from when it first asked."""
    del process
    if world.spread:
        await asyncio.sleep(0.3)


def said(number: int) -> CloudEvent:
    return CloudEvent(
        id=f"evt_{number}",
        source="/test",
        type="flowmatik.Said",
        time="2026-01-01T00:00:00Z",
        subject="somebody",
        workspace_id="default",
        seq=number,
        data={"n": number},
    )


async def test_an_event_that_is_in_no_journal_reaches_all_who_are_here_and_says_who_failed(
    world: World,
) -> None:
    audit, broken = Audit(), Audit(1)
    process = await world.process(broken, name="broken")
    process.bus.subscribe("audit", audit)
    process.bus.subscribe("others", Audit(1), types=frozenset({"flowmatik.Other"}))
    with pytest.raises(ExceptionGroup, match=r"1 subscriber\(s\) failed"):
        await process.bus.publish(said(1))
    assert [one.data for one in audit.events] == [{"n": 1}]


@SPREAD
async def test_an_event_that_is_in_no_journal_reaches_other_processes(world: World) -> None:
    here, audit, counts = Audit(), Audit(), [Audit(), Audit()]
    for each in counts:
        process = await world.process(audit)
        process.bus.subscribe("counts", each, durable=False)
    process = await world.process(here, name="here")
    await until_begun(world, process)
    await process.bus.publish(said(1))
    await until(lambda: all(each.events for each in (here, audit, *counts)))
    await process.bus.publish(said(2))
    await until(lambda: all(each.heard["somebody"][-1:] == [2] for each in (here, audit, *counts)))
    assert [each.heard["somebody"] for each in (here, audit, *counts)] == [[1, 2]] * 4, "the durable once"


async def test_what_is_observed_in_several_processes_adds_up(world: World) -> None:
    counts = [Audit(), Audit(), Audit()]
    for one in counts[: 3 if world.spread else 1]:
        process = await world.process()
        process.bus.observe("counts", one, types=frozenset({"flowmatik.RunCreated"}))
    await until_begun(world, world)
    await world.process()  # one that relays, and counts nothing
    ids = [f"run_{n:02}" for n in range(20)]
    for run_id in ids:
        await owned(world.journal, run_id)
        await asyncio.sleep(0.01)
    await until(lambda: sum(len(one.events) for one in counts) >= 20)
    await asyncio.sleep(0.1)
    assert sorted(event.subject for one in counts for event in one.events) == ids, "each once"
    assert {event.type for one in counts for event in one.events} == {"flowmatik.RunCreated"}
    with pytest.raises(ValueError, match="already"):
        world.processes[0].bus.observe("counts", counts[0])


@SPREAD
async def test_an_event_that_is_in_no_journal_is_observed_in_one_process(world: World) -> None:
    counts = [Audit(), Audit()]
    for one in counts:
        (await world.process()).bus.observe("counts", one)
    await until_begun(world, world)
    for number in range(6):
        await world.processes[0].bus.publish(said(number))
    await until(lambda: sum(len(one.events) for one in counts) >= 6)
    assert sorted(event.seq for one in counts for event in one.events) == [0, 1, 2, 3, 4, 5]
