"""The contract tests have teeth: a store with a rule left out of its own statements fails the very test
that is there for the rule, and passes it as it is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowmatik.core.journal import queries
from flowmatik.core.journal.batching import GroupCommit
from flowmatik.kernel.errors import FlowmatikError
from tests.contracts.journal import test_journal_contract as contract
from tests.contracts.journal.stores import Store, postgres_store, sqlite_store

NOTICED = (AssertionError, pytest.fail.Exception, FlowmatikError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """`rules`: per store the statement, what stands in it, and what stands there without the rule."""

    check: Callable[[Store], Awaitable[None]]
    rules: Mapping[str, tuple[str, str, str]]


DEFECTS = {
    "a fence on the primary key alone": Defect(
        check=contract.test_a_stale_epoch_is_fenced_and_leaves_nothing,
        rules={
            "sqlite": (
                "advance",
                "epoch = ?11 AND head_seq = ?12 AND owner <> ''",
                "?11 IS NOT NULL AND ?12 IS NOT NULL",
            ),
            "postgres": (
                "append",
                "r.epoch = i.epoch\n        AND r.head_seq = i.expected AND r.owner <> ''",
                "true",
            ),
        },
    ),
    "a fence that knows the seq and not the epoch": Defect(
        check=contract.test_a_stale_epoch_is_fenced_and_leaves_nothing,
        rules={
            "sqlite": ("advance", "epoch = ?11", "?11 IS NOT NULL"),
            "postgres": ("append", "r.epoch = i.epoch", "true"),
        },
    ),
    "parking without a look at the inbox": Defect(
        check=contract.test_a_run_parks_only_when_it_has_seen_its_inbox,
        rules={
            "sqlite": ("advance", "inbox_tail = ?8", "?8 IS NOT NULL"),
            "postgres": ("append", "i.park = r.inbox_tail", "i.park IS NOT NULL"),
        },
    ),
    "parking without a look at the inbox, in a race": Defect(
        check=contract.test_no_wake_up_is_lost_when_posts_race_with_parking,
        rules={
            "sqlite": ("advance", "inbox_tail = ?8", "?8 IS NOT NULL"),
            "postgres": ("append", "i.park = r.inbox_tail", "i.park IS NOT NULL"),
        },
    ),
    "an input that wakes nobody": Defect(
        check=contract.test_a_run_parks_only_when_it_has_seen_its_inbox,
        rules={
            "sqlite": ("post", "THEN 1 ELSE", "THEN 0 ELSE"),
            "postgres": ("post", "THEN 1 ELSE", "THEN 0 ELSE"),
        },
    ),
    "an acknowledgement that cannot be asked for again": Defect(
        check=contract.test_the_same_append_again_answers_instead_of_writing_twice,
        rules={
            "sqlite": ("appended_before", "WHERE ", "WHERE false AND "),
            "postgres": ("appended_before", "WHERE ", "WHERE false AND "),
        },
    ),
    "a run that two may claim": Defect(
        check=contract.test_many_claimants_and_one_owner,
        rules={
            "sqlite": ("claim", "AND ended_at = ''", "AND ended_at = '' OR run_id = ?1"),
            "postgres": ("claim", "r.owner IN ('', i.owner)", "true"),
        },
    ),
}


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def place(request: pytest.FixtureRequest, kind: str, tmp_path: Path) -> Any:
    return tmp_path if kind == "sqlite" else request.getfixturevalue("pg_migrated")


async def holds(check: Callable[[Store], Awaitable[None]], kind: str, place: Any) -> None:
    opening = sqlite_store(place) if kind == "sqlite" else postgres_store(place)
    async with opening as store:
        await check(store)


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_store_without_its_rule_fails_the_contract(
    monkeypatch: pytest.MonkeyPatch, kind: str, place: Any, defect: str
) -> None:
    check = DEFECTS[defect].check
    name, rule, without = DEFECTS[defect].rules[kind]
    statements = dict(getattr(queries, kind)())
    assert rule in statements[name], "the statement has changed; sabotage it anew"
    statements[name] = statements[name].replace(rule, without)
    monkeypatch.setattr(queries, kind, lambda: statements)
    with pytest.raises(NOTICED):
        await holds(check, kind, place)


async def test_a_batch_that_fails_as_a_whole_fails_the_contract(
    monkeypatch: pytest.MonkeyPatch, kind: str, place: Any
) -> None:
    """One poisoned payload would take the appends of all the other runs with it."""

    async def poisoned(store: Store) -> None:
        await contract.test_a_poison_append_faults_only_its_own_run(store, "unencodable text")

    monkeypatch.setattr(GroupCommit, "_write", _all_or_nothing)
    with pytest.raises(NOTICED):
        await holds(poisoned, kind, place)


async def _all_or_nothing(group: Any, batch: Any) -> None:
    try:
        results = await group._commit([append for append, _ in batch])
    except Exception as error:
        for _, answer in batch:
            answer.set_exception(error)
    else:
        for (_, answer), result in zip(batch, results, strict=True):
            answer.set_result(result)
