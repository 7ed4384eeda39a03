"""What every journal promises about soft caps, caps of a period, and the thresholds that it tells of."""

import asyncio

from flowmatik.core.journal.port import Cap, CapAlert, CapTerms, HeadChange, Kept
from tests.contracts.journal.stores import Store, owned

WS = "default"
SOFT = CapTerms(soft=True, thresholds=(50, 100))


def told(alerts: list[CapAlert]) -> list[tuple[str, int, int, int]]:
    return sorted((one.scope, one.limit_micros, one.threshold, one.used_micros) for one in alerts)


async def test_a_soft_cap_grants_what_passes_it_and_a_hard_one_beside_it_refuses(store: Store) -> None:
    await store.journal.set_cap(WS, "user:ana", 100, SOFT)
    await store.journal.set_cap(WS, "workspace", 1000)
    assert await store.journal.allot(WS, "run_1", 1, {"user:ana": 250, "workspace": 250})
    assert not await store.journal.allot(WS, "run_1", 2, {"user:ana": 800, "workspace": 800})
    assert await store.journal.caps(WS) == [
        Cap(scope="user:ana", limit_micros=100, granted_micros=250, terms=SOFT),
        Cap(scope="workspace", limit_micros=1000, granted_micros=250),
    ]
    (use,) = [use for use in await store.journal.cap_uses(WS, "run_2") if use.scope == "user:ana"]
    assert (use.soft, use.granted_micros, use.others_micros) == (True, 250, 250)
    await store.journal.set_cap(WS, "user:ana", 100)
    assert not await store.journal.allot(WS, "run_1", 3, {"user:ana": 1}), "it refuses from now on"


async def test_what_is_spent_already_is_borne_beyond_the_limit_once_and_can_be_given_back(
    store: Store,
) -> None:
    run = await owned(store.journal, "run_1")
    await store.journal.set_cap(WS, "workspace", 100)
    assert await store.journal.allot(WS, "run_1", 1, {"workspace": 90})
    for _ in range(2):
        await store.journal.charge(WS, "run_1", 2, {"workspace": 30, "uncapped": 5})
    (cap,) = await store.journal.caps(WS)
    assert cap.granted_micros == 120
    assert await store.journal.held("run_1") == {"workspace": 120}
    assert told(await store.journal.cap_alerts(WS))[-1] == ("workspace", 100, 100, 120)
    assert not await store.journal.allot(WS, "run_2", 1, {"workspace": 1})
    await store.journal.settle("run_1", seq=run.seq, upto=2, kept=Kept(scopes={"workspace": 110}))
    assert (await store.journal.caps(WS))[0].granted_micros == 110


async def test_a_threshold_is_told_once_by_whichever_grant_came_to_it(store: Store) -> None:
    await store.journal.set_cap(WS, "workspace", 1000)
    grants = [store.journal.allot(WS, f"run_{n}", 1, {"workspace": 100}) for n in range(9)]
    assert all(await asyncio.gather(*grants))
    alerts = await store.journal.cap_alerts(WS)
    assert [(one[1], one[2], one[3] >= one[2] * 10) for one in told(alerts)] == [
        (1000, 50, True),
        (1000, 80, True),
    ]
    assert await store.journal.cap_alerts("other") == []
    assert await store.journal.cap_alerts(WS, scope="user:ana") == []
    assert len(await store.journal.cap_alerts(WS, limit=1)) == 1


async def test_a_threshold_stays_told_when_what_came_to_it_goes_back_and_comes_again(store: Store) -> None:
    run = await owned(store.journal, "run_1")
    await store.journal.set_cap(WS, "workspace", 100, CapTerms(thresholds=(90,)))
    for n in (1, 2):
        assert await store.journal.allot(WS, "run_1", n, {"workspace": 95})
        kept = Kept(scopes={"workspace": 0})
        await store.journal.settle("run_1", seq=run.seq, upto=10**9, kept=kept)
    assert told(await store.journal.cap_alerts(WS)) == [("workspace", 100, 90, 95)]


async def test_a_changed_limit_tells_anew_and_at_once_of_what_it_is_beyond(store: Store) -> None:
    await store.journal.set_cap(WS, "workspace", 1000)
    assert await store.journal.allot(WS, "run_1", 1, {"workspace": 600})
    await store.journal.set_cap(WS, "workspace", 700)
    await store.journal.set_cap(WS, "workspace", 700)
    assert told(await store.journal.cap_alerts(WS)) == [
        ("workspace", 700, 50, 600),
        ("workspace", 700, 80, 600),
        ("workspace", 1000, 50, 600),
    ]


async def test_a_refusal_is_told_as_the_whole_of_a_cap_and_a_lifted_one_tells_nothing(store: Store) -> None:
    journal = store.journal
    await journal.set_cap(WS, "workspace", 100, CapTerms(thresholds=(100,)))
    await journal.set_cap(WS, "quiet", 100, CapTerms(thresholds=()))
    for _ in range(2):
        for scope in ("workspace", "quiet", "none"):
            await journal.note_refusal(WS, scope)
    assert told(await journal.cap_alerts(WS)) == [("workspace", 100, 100, 0)]
    await journal.set_cap(WS, "lifted", 100)
    await journal.set_cap(WS, "lifted", None)
    await journal.note_refusal(WS, "lifted")
    assert await journal.allot(WS, "run_1", 1, {"lifted": 10**9})
    assert len(await journal.cap_alerts(WS)) == 1


async def test_of_many_who_would_tell_an_alert_one_does_and_another_if_it_dies(
    store: Store,
) -> None:
    journal = store.journal
    await journal.set_cap(WS, "workspace", 100)
    await journal.set_cap("other", "workspace", 100)
    assert await journal.allot(WS, "run_1", 1, {"workspace": 90})
    assert await journal.allot("other", "run_2", 1, {"workspace": 50})
    claims = await asyncio.gather(*(journal.claim_alerts(again_after=30, limit=10) for _ in range(5)))
    taken = [alert for claim in claims for alert in claim]
    assert sorted((one.workspace_id, one.threshold) for one in taken) == [
        (WS, 50), (WS, 80), ("other", 50)
    ]  # fmt: skip
    first = next(one for one in taken if one.threshold == 80)
    await journal.alert_told(first)
    await store.elapse(31)
    again = await journal.claim_alerts(again_after=30, limit=10)
    assert sorted((one.workspace_id, one.threshold) for one in again) == [(WS, 50), ("other", 50)]
    assert [bool(one.told_at) for one in await journal.cap_alerts(WS)] == [True, False]


async def test_a_cap_whose_period_is_over_is_out_of_the_way_and_still_settled(store: Store) -> None:
    journal = store.journal
    run = await owned(journal, "run_1")
    day = CapTerms(until="2026-01-01T00:01:00.000000Z")
    await journal.set_cap(WS, "user:ana/day:2026-01-01", 100, day)
    assert await journal.allot(WS, "run_1", 1, {"user:ana/day:2026-01-01": 90})
    assert await journal.holders(WS, 10) == ["run_1"]
    await store.elapse(61)
    assert await journal.caps(WS) == []
    assert await journal.cap_uses(WS, "run_2") == []
    kept = Kept(scopes={"user:ana/day:2026-01-01": 40})
    await journal.settle("run_1", seq=run.seq, upto=10**9, kept=kept)
    assert await journal.held("run_1") == {"user:ana/day:2026-01-01": 40}
    assert len(await journal.cap_alerts(WS, scope="user:ana/day")) == 2
    await journal.forget_caps("2026-01-01T00:01:00.000000Z")
    assert len(await journal.cap_alerts(WS)) == 2, "not older than that"
    await journal.forget_caps("2026-01-02T00:00:00.000000Z")
    assert await journal.cap_alerts(WS) == []
    await journal.append(run.next(head=HeadChange(status="succeeded")))
    await journal.settle("run_1", seq=run.seq, upto=10**9, kept=Kept())
    assert await journal.held("run_1") == {}, "also once the cap is forgotten"
    assert await journal.holders(WS, 10) == []
