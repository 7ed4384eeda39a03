"""Approvals in every store: one decision each, and the run hears of it in the same transaction."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.approvals import ApprovalPolicy, Escalation, Verdict
from flowmatik.contracts.security import Principal
from flowmatik.core.approving import approvers_at, expired, judged, policy_of, votes_of
from flowmatik.core.journal.approval_records import NewApproval, place_of_approval
from flowmatik.core.journal.port import HeadChange
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, Fenced, FlowmatikError, NotFound
from tests.contracts.journal.stores import Owner, Store, event, owned

ARGUMENTS: dict[str, Any] = {"amount": 5}
DIGEST = canonical.content_hash(ARGUMENTS)
PLAIN = ApprovalPolicy()
YES = Verdict(decision="approve", arguments_hash=DIGEST)
NO = Verdict(decision="deny", arguments_hash=DIGEST)


def person(name: str) -> Principal:
    return Principal(id=f"usr_{name}", name=name, workspace_id="default", scopes=frozenset())


def asking(store: Store, approval_id: str, policy: ApprovalPolicy, created_in: float = 0.0) -> NewApproval:
    expires = policy.expires_seconds
    return NewApproval(
        approval_id=approval_id,
        task_id="t",
        tool="pay",
        arguments=canonical.dumps(ARGUMENTS),
        arguments_hash=DIGEST,
        policy=canonical.dumps(policy),
        created_at=store.due_in(created_in),
        expires_at="" if expires is None else store.due_in(created_in + expires),
    )


async def asked(
    store: Store, run_id: str = "run_1", policy: ApprovalPolicy = PLAIN, created_in: float = 0.0
) -> Owner:
    """A run that has asked and is parked."""
    owner = await owned(store.journal, run_id)
    row = asking(store, f"apr_{run_id}", policy, created_in)
    append = replace(owner.next(event("ApprovalRequested"), park_if_seen=0), approvals=(row,))
    assert (await owner.append(append)).parked
    return owner


async def decide(store: Store, run_id: str, verdict: Verdict, by: str) -> None:
    """As the service does."""
    while True:
        row = await store.journal.approval("default", f"apr_{run_id}")
        if await store.journal.decide_approval(judged(row, verdict, person(by))):
            return


async def test_an_approval_goes_down_with_its_append_and_is_listed(store: Store) -> None:
    await asked(store)
    (row,) = await store.journal.approvals("default", status="pending", after=None, limit=10)
    assert (row.approval_id, row.run_id, row.tool, row.status) == ("apr_run_1", "run_1", "pay", "pending")
    assert (row.arguments, row.arguments_hash, row.votes) == (canonical.dumps(ARGUMENTS), DIGEST, "[]")
    assert policy_of(row) == ApprovalPolicy()
    assert await store.journal.approvals("other", status="pending", after=None, limit=10) == []
    assert await store.journal.approvals("default", status="denied", after=None, limit=10) == []
    with pytest.raises(NotFound):
        await store.journal.approval("other", "apr_run_1")
    with pytest.raises(NotFound):
        await store.journal.approval(None, "apr_none")


async def test_the_list_goes_on_after_the_last_one_seen(store: Store) -> None:
    for n in range(3):
        await asked(store, f"run_{n}", created_in=float(n))
    first = await store.journal.approvals("default", status="pending", after=None, limit=2)
    rest = await store.journal.approvals(
        "default", status="pending", after=place_of_approval(first[-1]), limit=2
    )
    assert [row.run_id for row in (*first, *rest)] == ["run_0", "run_1", "run_2"]


async def test_a_fenced_append_asks_nobody(store: Store) -> None:
    owner = await owned(store.journal, "run_1")
    append = replace(owner.next(event()), epoch=9, approvals=(asking(store, "apr_1", ApprovalPolicy()),))
    with pytest.raises(Fenced):
        await store.journal.append(append)
    with pytest.raises(NotFound):
        await store.journal.approval(None, "apr_1")


async def test_a_decision_reaches_the_inbox_and_marks_the_parked_run_ready(store: Store) -> None:
    await asked(store)
    assert await store.journal.ready(10) == []
    await decide(store, "run_1", YES, "anna")
    assert await store.journal.ready(10) == ["run_1"]
    (item,) = await store.journal.inbox("run_1", after=0)
    assert (item.kind, (await store.journal.head(None, "run_1")).inbox_tail) == ("approval", 1)
    body = canonical.loads(item.payload)
    assert (body["decided"]["decision"], body["decided"]["arguments"]) == ("approve", ARGUMENTS)
    row = await store.journal.approval(None, "apr_run_1")
    assert (row.status, row.decided_by, [vote.name for vote in votes_of(row)]) == (
        "approved",
        "anna",
        ["anna"],
    )


async def test_the_second_decider_is_told_who_was_first(store: Store) -> None:
    await asked(store)
    await decide(store, "run_1", NO, "anna")
    with pytest.raises(Conflict) as second:
        await decide(store, "run_1", YES, "ben")
    assert (second.value.code, second.value.context["denied_by"]) == ("conflict.decided", "anna")
    assert len(await store.journal.inbox("run_1", after=0)) == 1


async def test_of_deciders_at_the_same_moment_exactly_one_wins(store: Store) -> None:
    await asked(store)
    row = await store.journal.approval(None, "apr_run_1")
    changes = [judged(row, YES if n % 2 else NO, person(f"p{n}")) for n in range(12)]
    won = await asyncio.gather(*map(store.journal.decide_approval, changes))
    assert won.count(True) == 1
    (item,) = await store.journal.inbox("run_1", after=0)
    winner = changes[won.index(True)]
    assert item.payload == winner.payload
    assert (await store.journal.approval(None, "apr_run_1")).status == winner.status


async def test_votes_at_the_same_moment_are_all_counted(store: Store) -> None:
    await asked(store, policy=ApprovalPolicy(quorum=5))

    async def votes(name: str) -> str:
        try:
            await decide(store, "run_1", YES, name)
        except Conflict as error:
            return error.code
        return ""

    answers = await asyncio.gather(*(votes(f"p{n}") for n in range(8)))
    assert sorted(answers) == [""] * 5 + ["conflict.decided"] * 3
    bodies = [canonical.loads(item.payload) for item in await store.journal.inbox("run_1", after=0)]
    assert [bool(body["decided"]) for body in bodies] == [False] * 4 + [True]


async def test_a_person_and_expiry_cannot_both_win(store: Store) -> None:
    await asked(store, policy=ApprovalPolicy(expires_seconds=60))
    row = await store.journal.approval(None, "apr_run_1")
    won = await asyncio.gather(
        store.journal.decide_approval(expired(row)),
        store.journal.decide_approval(judged(row, YES, person("anna"))),
    )
    assert won.count(True) == 1
    assert len(await store.journal.inbox("run_1", after=0)) == 1


async def test_nobody_decides_what_has_expired_by_the_store_s_clock(store: Store) -> None:
    await asked(store, policy=ApprovalPolicy(expires_seconds=60), created_in=-61.0)
    row = await store.journal.approval(None, "apr_run_1")
    with pytest.raises(Conflict) as late:
        judged(row, YES, person("anna"))
    in_time = judged(replace(row, now=row.expires_at - 1), YES, person("anna"))
    assert not await store.journal.decide_approval(in_time)
    assert await store.journal.decide_approval(expired(row))
    row = await store.journal.approval(None, "apr_run_1")
    assert (late.value.code, row.status, row.decided_by) == ("conflict.expired", "denied", "expiry")


async def test_who_may_decide_grows_with_the_time_that_has_passed(store: Store) -> None:
    policy = ApprovalPolicy(
        approvers=("anna",),
        escalations=(
            Escalation(after_seconds=60, approvers=("ben",)),
            Escalation(after_seconds=600, approvers=("cleo",)),
        ),
    )
    await asked(store, policy=policy, created_in=-120.0)
    row = await store.journal.approval(None, "apr_run_1")
    assert approvers_at(row, policy) == ("anna", "ben")
    with pytest.raises(FlowmatikError, match="anna, ben"):
        await decide(store, "run_1", YES, "cleo")
    await decide(store, "run_1", YES, "ben")


async def test_an_end_cancels_what_is_still_asked_but_changes_no_decision(store: Store) -> None:
    owner = await owned(store.journal, "run_1")
    rows = tuple(asking(store, f"apr_{n}", ApprovalPolicy()) for n in (1, 2))
    await owner.append(replace(owner.next(event()), approvals=rows))
    row = await store.journal.approval(None, "apr_1")
    assert await store.journal.decide_approval(judged(row, YES, person("anna")))
    ends = replace(
        owner.next(event(), head=HeadChange(status="cancelled")), closed_approvals=("apr_1", "apr_2")
    )
    await owner.append(ends)
    states = [(await store.journal.approval(None, f"apr_{n}")).status for n in (1, 2)]
    assert states == ["approved", "cancelled"]
    with pytest.raises(Conflict) as late:
        judged(await store.journal.approval(None, "apr_2"), YES, person("anna"))
    assert late.value.code == "conflict.approval_closed"


async def test_an_append_that_is_repeated_asks_once(store: Store) -> None:
    owner = await owned(store.journal, "run_1")
    append = replace(owner.next(event()), approvals=(asking(store, "apr_1", ApprovalPolicy()),))
    assert await store.journal.append(append) == await store.journal.append(append)
    assert len(await store.journal.approvals("default", status="pending", after=None, limit=10)) == 1


async def test_asking_and_plain_appends_go_down_together(store: Store) -> None:
    owners = [await owned(store.journal, f"run_{n}") for n in range(4)]
    appends = [owner.next(event()) for owner in owners]
    appends[1] = replace(appends[1], approvals=(asking(store, "apr_1", ApprovalPolicy()),))
    appends[2] = replace(appends[2], approvals=(asking(store, "apr_2", ApprovalPolicy()),))
    await asyncio.gather(*map(store.journal.append, appends))
    rows = await store.journal.approvals("default", status="pending", after=None, limit=10)
    assert sorted((row.run_id, row.approval_id) for row in rows) == [("run_1", "apr_1"), ("run_2", "apr_2")]


async def test_a_vote_that_was_counted_before_another_went_down_is_counted_again(store: Store) -> None:
    await asked(store, policy=ApprovalPolicy(quorum=3))
    row = await store.journal.approval(None, "apr_run_1")
    assert await store.journal.decide_approval(judged(row, YES, person("anna")))
    assert not await store.journal.decide_approval(judged(row, YES, person("ben")))
    await decide(store, "run_1", YES, "ben")
    row = await store.journal.approval(None, "apr_run_1")
    assert [vote.name for vote in votes_of(row)] == ["anna", "ben"]
