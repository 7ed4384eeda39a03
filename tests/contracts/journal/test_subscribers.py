"""A registered subscriber misses nothing: not what passed while its process was away, nor what it refused."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest

from flowmatik.contracts.bus import DeadLetter, Redriven
from flowmatik.core import outbox
from flowmatik.core.dead_letters import RefusedEvents
from flowmatik.core.deliveries import AT_ONCE, ATTEMPTS, PAGE
from flowmatik.core.journal.port import Behind, NewEvent, OutboxEntry, place_of
from flowmatik.core.outbox import CATCH_UP, TTL_SECONDS, OutboxRelay
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import InvalidInput, JournalUnavailable, NotFound
from flowmatik.kernel.events import CloudEvent
from tests.contracts.journal.stores import HandClock, Store, creation, event, owned


class Listener:
    """Hears of runs, and refuses the events of these numbers."""

    def __init__(self, *refuses: int) -> None:
        self.heard: defaultdict[str, list[int]] = defaultdict(list)
        self.refuses = refuses
        self.tries = 0

    async def __call__(self, one: CloudEvent) -> None:
        self.tries += 1
        if one.seq in self.refuses:
            raise RuntimeError("no")
        self.heard[one.subject].append(one.seq)

    def relay(self, store: Store, *, ordered: bool = True, name: str = "audit") -> OutboxRelay:
        """Of a process that has it as a durable subscriber."""
        relay = OutboxRelay(store.journal, HandClock())
        relay.subscribe(name, self, ordered=ordered)
        return relay


def empty(store: Store) -> OutboxRelay:
    """Of a process without subscribers."""
    return OutboxRelay(store.journal, HandClock())


async def work(relay: OutboxRelay) -> None:
    """One pass; then the next process may have the lease."""
    await relay.relay_once()
    await relay.release()


async def letters(store: Store) -> list[tuple[str, int]]:
    return sorted((one.run_id, one.seq) for one in await store.journal.dead_letters("default"))


async def test_what_passes_while_a_subscriber_is_away_is_read_from_the_journal_when_it_is_back(
    store: Store,
) -> None:
    audit = Listener()
    run = await owned(store.journal, "run_1")
    await work(audit.relay(store))
    await run.append(run.next(event(), event()))
    await work(empty(store))
    await run.append(run.next(event()))
    await work(empty(store))
    await owned(store.journal, "run_2")
    await work(empty(store))
    assert await store.journal.outbox(10) == [], "pointers never wait for who is away"
    back = audit.relay(store)
    await work(back)
    assert audit.heard == {"run_1": [1, 2, 3, 4, 5], "run_2": [1, 2]}
    assert await store.journal.behind("audit", 10) == []
    before = audit.tries
    await work(back)
    assert audit.tries == before


async def test_what_was_missed_comes_before_what_happens_now(store: Store) -> None:
    audit = Listener()
    run = await owned(store.journal, "run_1")
    await work(audit.relay(store))
    await run.append(run.next(event(), event()))
    await work(empty(store))
    await run.append(run.next(event()))
    await work(audit.relay(store))
    assert audit.heard["run_1"] == [1, 2, 3, 4, 5]


async def test_a_name_that_was_never_seen_begins_with_what_was_not_relayed_yet(store: Store) -> None:
    audit = Listener()
    run = await owned(store.journal, "run_1")
    await work(empty(store))
    await run.append(run.next(event()))
    await work(audit.relay(store))
    await run.append(run.next(event()))
    await work(empty(store))
    await work(audit.relay(store))
    assert audit.heard["run_1"] == [3, 4]


async def test_a_name_that_is_registered_and_away_begins_with_a_runs_first_event_after_that(
    store: Store,
) -> None:
    audit = Listener()
    run = await owned(store.journal, "run_1")
    await work(empty(store))
    await work(audit.relay(store))
    for _ in range(2):
        await run.append(run.next(event()))
        await work(empty(store))
    assert await store.journal.behind("audit", 10) == [Behind(run_id="run_1", workspace_id="default", seq=2)]
    await work(audit.relay(store))
    assert audit.heard["run_1"] == [3, 4]


async def test_a_gap_in_the_pointers_is_read_from_the_journal(store: Store) -> None:
    audit = Listener()
    run = await owned(store.journal, "run_1")
    await work(audit.relay(store))
    await run.append(run.next(event(), event()))
    lost = await store.journal.outbox(10)
    await store.journal.relayed(lost, present=["audit"])  # nobody knows why
    await run.append(run.next(event()))
    await work(audit.relay(store))
    assert audit.heard["run_1"] == [1, 2, 3, 4, 5]


async def test_a_long_absence_is_made_up_for_page_by_page_and_run_by_run_without_a_pause(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "IDLE_SECONDS", 600.0)
    audit = Listener()
    await work(audit.relay(store))
    run = await owned(store.journal, "run_long")
    await run.append(run.next(*(NewEvent(type="Noted", payload="{}") for _ in range(2 * PAGE))))
    for number in range(CATCH_UP):
        await store.journal.create(creation(f"run_{number:03}"))
    await work(empty(store))
    back = audit.relay(store)
    await asyncio.wait_for(back.pump(), 120)
    await back.relay_once()
    assert audit.heard["run_long"] == list(range(1, 2 * PAGE + 3))
    assert len(audit.heard) == CATCH_UP + 1


async def test_a_subscriber_that_is_not_durable_hears_what_passes_and_keeps_no_place(store: Store) -> None:
    counts = Listener(2)
    relay = OutboxRelay(store.journal, HandClock())
    relay.subscribe("counts", counts, durable=False)
    run = await owned(store.journal, "run_1")
    await work(relay)
    await run.append(run.next(event()))
    await work(empty(store))
    await run.append(run.next(event()))
    await work(relay)
    assert counts.heard["run_1"] == [1, 4]
    assert await store.journal.subscriber_seq("counts", "run_1") is None
    assert await letters(store) == []


async def test_one_who_is_there_costs_one_question_for_a_run_and_none_without_subscribers(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    audit, relay = Listener(), empty(store)
    for name in ("subscriber_seq", "parked", "behind", "read"):
        original = getattr(store.journal, name)

        def counted(
            *given: object, name: str = name, original: Callable[..., object] = original, **more: object
        ):
            asked.append(name)
            return original(*given, **more)

        monkeypatch.setattr(store.journal, name, counted)
    run = await owned(store.journal, "run_1")
    await work(relay)
    assert asked == []
    for _ in range(5):
        await run.append(run.next(*(event() for _ in range(20))))
    await work(audit.relay(store))
    assert sorted(asked) == ["behind", "parked", "read", "read", "subscriber_seq"], "one for the run's trace"
    assert len(audit.heard["run_1"]) == 100


async def test_an_ordered_subscriber_gets_nothing_of_a_run_after_what_it_refused(store: Store) -> None:
    audit = Listener(2)
    run = await owned(store.journal, "run_1")
    await work(audit.relay(store))
    await run.append(run.next(event()))
    await work(audit.relay(store))
    await run.append(run.next(event()))
    await work(empty(store))
    await work(audit.relay(store))
    assert audit.tries == 1 + ATTEMPTS, "a parked run is not tried again, however it came to lag"
    assert (audit.heard["run_1"], await letters(store)) == ([1], [("run_1", 2)])
    relay = audit.relay(store)
    assert await relay.redrive("audit", "run_1") == 0
    assert await letters(store) == [("run_1", 2)]
    audit.refuses = (4,)
    assert await relay.redrive("audit", "run_1") == 2
    assert (audit.heard["run_1"], await letters(store)) == ([1, 2, 3], [("run_1", 4)])
    audit.refuses = ()
    assert await relay.redrive("audit", "run_1") == 1
    await relay.release()
    await run.append(run.next(event()))
    await work(audit.relay(store))
    assert (audit.heard["run_1"], await letters(store)) == ([1, 2, 3, 4, 5], [])


async def test_an_unordered_subscriber_goes_on_and_each_event_that_it_refuses_is_a_letter(
    store: Store,
) -> None:
    counts = Listener(2, 4)
    run = await owned(store.journal, "run_1")
    await work(counts.relay(store, ordered=False))
    await run.append(run.next(event(), event(), event()))
    await work(empty(store))
    await work(counts.relay(store, ordered=False))
    assert (counts.heard["run_1"], await letters(store)) == ([1, 3, 5], [("run_1", 2), ("run_1", 4)])
    counts.refuses = (4,)
    relay = counts.relay(store, ordered=False)
    assert await relay.redrive("audit", "run_1") == 1
    assert await letters(store) == [("run_1", 4)]
    counts.refuses = ()
    assert await relay.redrive("audit", "run_1") == 1
    assert (counts.heard["run_1"], await letters(store)) == ([1, 3, 5, 2, 4], [])


@pytest.mark.parametrize("ordered", [True, False])
async def test_one_who_changes_to_or_from_ordered_loses_nothing(store: Store, ordered: bool) -> None:
    audit = Listener(2)
    run = await owned(store.journal, "run_1")
    await run.append(run.next(event()))
    await work(audit.relay(store, ordered=ordered))
    audit.refuses = ()
    changed = audit.relay(store, ordered=not ordered)
    await changed.redrive("audit", "run_1")
    await changed.release()
    await run.append(run.next(event()))
    await work(changed)
    assert (set(audit.heard["run_1"]), await letters(store)) == ({1, 2, 3, 4}, [])


async def test_what_nobody_here_subscribed_to_is_redriven_where_somebody_has(store: Store) -> None:
    audit = Listener(1)
    await owned(store.journal, "run_1")
    await work(audit.relay(store))
    audit.refuses = ()
    assert await empty(store).redrive("audit", "run_1") is None
    assert audit.heard["run_1"] == []
    await work(audit.relay(store))
    assert (audit.heard["run_1"], await letters(store)) == ([1, 2], [])


async def test_operators_see_and_redrive_only_what_was_refused_in_their_workspace(store: Store) -> None:
    audit = Listener(2)
    for name in ("run_1", "run_2", "run_3"):
        await owned(store.journal, name)
    relay = audit.relay(store)
    await work(relay)
    operators = RefusedEvents(store.journal, relay, lambda _: store.journal)
    first = await operators.list("default", limit=2)
    rest = await operators.list("default", cursor=first.next, limit=2)
    assert [one.run_id for one in (*first.items, *rest.items)] == ["run_1", "run_2", "run_3"]
    assert (rest.next, (await operators.list("other")).items) == ("", ())
    refused = await operators.redrive("default", "audit", "run_1")
    assert (refused.handled, [one.seq for one in refused.left]) == (0, [2])
    audit.refuses = ()
    assert await operators.redrive("default", "audit", "run_1") == Redriven(handled=1)
    for workspace, subscriber, code in (
        ("default", "audit", "not_found.dead_letter"),
        ("default", "costs", "not_found.dead_letter"),
        ("other", "audit", "not_found.run"),
    ):
        with pytest.raises(NotFound) as caught:
            await operators.redrive(workspace, subscriber, "run_1")
        assert caught.value.code == code
    elsewhere = RefusedEvents(store.journal, empty(store), lambda _: store.journal)
    asked = await elsewhere.redrive("default", "audit", "run_2")
    assert (asked.asked, asked.handled, [one.seq for one in asked.left]) == (True, 0, [2])


@pytest.mark.parametrize("cursor", ["x", "bm8", "W10=", "WyJhIiwiYiIsImMiLCJkIl0="])
async def test_what_is_no_cursor_of_dead_letters_is_refused(store: Store, cursor: str) -> None:
    operators = RefusedEvents(store.journal, empty(store), lambda _: store.journal)
    with pytest.raises(InvalidInput) as caught:
        await operators.list("default", cursor=cursor)
    assert caught.value.code == "input.cursor"


# --- what every journal promises ---------------------------------------------------------------


def letter(
    seq: int, *, subscriber: str = "audit", run_id: str = "run_1", workspace: str = "default"
) -> DeadLetter:
    return DeadLetter(
        subscriber=subscriber,
        run_id=run_id,
        workspace_id=workspace,
        seq=seq,
        error="boom",
        attempts=3,
        at=f"2026-01-01T00:00:0{seq % 2}Z",
    )


async def test_a_dead_letter_stays_until_dropped_and_parks_only_ordered_subscribers(store: Store) -> None:
    journal = store.journal
    await journal.create(creation("run_1"))
    await journal.register_subscriber("audit", ordered=True)
    await journal.register_subscriber("costs", ordered=False)
    for one in (letter(4), letter(5), letter(4, subscriber="costs"), letter(4)):
        await journal.dead_letter(one)
    assert await journal.dead_letters_of("audit", "run_1") == [replace(letter(4), attempts=6), letter(5)]
    assert await journal.count_dead_letters() == {"audit": 2, "costs": 1}
    assert await journal.parked() == {("audit", "run_1")}
    await journal.register_subscriber("audit", ordered=False)
    assert await journal.parked() == set()
    await journal.drop_dead_letter("audit", "run_1", 4)
    assert await journal.dead_letters_of("audit", "run_1") == [letter(5)]


async def test_a_workspaces_dead_letters_are_paged_oldest_first(store: Store) -> None:
    ours = [letter(n, run_id=run) for run in ("run_1", "run_2") for n in range(1, 4)]
    for one in (*reversed(ours), letter(1, workspace="other", run_id="run_9")):
        await store.journal.dead_letter(one)
    pages: list[DeadLetter] = []
    while page := await store.journal.dead_letters(
        "default", after=place_of(pages[-1]) if pages else None, limit=2
    ):
        assert len(page) <= 2
        pages += page
    assert pages == sorted(ours, key=place_of)


async def test_only_those_who_were_not_there_fall_behind_and_only_once(store: Store) -> None:
    journal = store.journal
    run = await owned(journal, "run_1")
    for name in ("audit", "costs"):
        await journal.register_subscriber(name, ordered=True)
    first = await journal.outbox(10)
    await journal.relayed(first, present=["costs"])
    assert await journal.behind("costs", 10) == []
    assert await journal.behind("audit", 10) == [Behind(run_id="run_1", workspace_id="default", seq=0)]
    await journal.set_subscriber_seq("audit", "run_1", 2)
    assert await journal.behind("audit", 10) == []
    await journal.relayed(first)
    assert await journal.behind("audit", 10) == [], "pointers that are gone leave nobody behind"
    await run.append(run.next(event(), event()))
    await journal.relayed(await journal.outbox(10))
    await journal.set_subscriber_seq("audit", "run_1", 3)
    assert await journal.behind("audit", 10) == [Behind(run_id="run_1", workspace_id="default", seq=3)]
    assert [one.seq for one in await journal.behind("costs", 10)] == [2]
    gone = OutboxEntry(run_id="run_1", workspace_id="default", from_seq=1, to_seq=1)
    await journal.relayed([gone])


async def test_a_lease_that_ran_out_in_a_catch_up_ends_it(store: Store) -> None:
    """A process that was stopped must not go on behind its successor."""

    class Stopped(SystemClock):
        seconds = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.seconds

    clock, heard = Stopped(), list[int]()

    async def sleeps(one: CloudEvent) -> None:
        heard.append(one.seq)
        clock.seconds += 2 * TTL_SECONDS

    await work(Listener().relay(store))
    await owned(store.journal, "run_1")
    await work(empty(store))
    relay = OutboxRelay(store.journal, clock)
    relay.subscribe("audit", sleeps)
    await relay.relay_once()
    assert heard == [1]


async def test_a_subscriber_is_handed_one_event_at_a_time_of_however_many_runs(store: Store) -> None:
    at_once = [0]
    heard: defaultdict[str, list[int]] = defaultdict(list)

    async def audit(one: CloudEvent) -> None:
        at_once.append(at_once[-1] + 1)
        await asyncio.sleep(0)
        heard[one.subject].append(one.seq)
        at_once.append(at_once[-1] - 1)

    runs = [f"run_{n}" for n in range(AT_ONCE + 2)]
    for run_id in runs:
        await owned(store.journal, run_id)
    relay = OutboxRelay(store.journal, HandClock())
    relay.subscribe("audit", audit)
    await work(relay)
    assert heard == {run_id: [1, 2] for run_id in runs}
    assert max(at_once) == 1
    assert [await store.journal.subscriber_seq("audit", run_id) for run_id in runs] == [2] * len(runs)


async def test_what_others_handled_is_remembered_when_one_run_cannot_be_relayed(store: Store) -> None:
    away = {"run_1"}
    heard: list[str] = []

    async def audit(one: CloudEvent) -> None:
        if one.subject in away:
            raise JournalUnavailable("not now")
        heard.append(one.id)

    for run_id in ("run_0", "run_1", "run_2"):
        await owned(store.journal, run_id)
    relay = OutboxRelay(store.journal, HandClock())
    relay.subscribe("audit", audit)
    with pytest.raises(JournalUnavailable):
        await relay.relay_once()
    away.clear()
    await relay.relay_once()
    assert sorted(heard) == [f"run_{n}:{seq}" for n in range(3) for seq in (1, 2)], "each of them once"
