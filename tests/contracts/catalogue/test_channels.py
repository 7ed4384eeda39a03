"""Channels, promotions and what is known of versions: the same on every store."""

import asyncio

import pytest

from flowmatik.agents import AssignedAgents
from flowmatik.contracts.channels import Author, Evaluation, Origin, Promotion, Share
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from tests.contracts.catalogue.conftest import WS, Shelf, profile

ADA, BOB = Author(by="ada", reason="looks good"), Author(by="bob")


async def two_versions(shelf: Shelf) -> tuple[str, str]:
    """The stable one and the one on the canary channel."""
    old = await shelf.catalogue.apply(WS, profile(), filename="a.yaml", author=ADA)
    new = await shelf.catalogue.apply(
        WS, profile(instructions="Read twice."), filename="b.yaml", channel="canary", author=BOB
    )
    return old.version, new.version


def promotion(weight: int = 100, source: str = "canary", expected: int | None = None) -> Promotion:
    return Promotion(name="reader", source=source, weight=weight, expected=expected)


async def pointed(shelf: Shelf, channel: str = "stable") -> list[tuple[str, int]]:
    standing = await shelf.versions.standing(WS, "reader")
    shares = next(one.shares for one in standing.channels if one.name == channel)
    return [(share.version, share.weight) for share in shares]


async def test_a_version_applied_to_another_channel_leaves_the_stable_one(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    assert (await shelf.catalogue.get(WS, "reader")).version == old
    assert (await shelf.catalogue.get(WS, "reader@canary")).version == new
    with pytest.raises(NotFound):
        await shelf.catalogue.get(WS, "reader@nowhere")


async def test_a_promotion_in_steps_keeps_the_rest_where_it_was(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    await shelf.versions.promote(WS, promotion(10), ADA)
    assert await pointed(shelf) == [(old, 90), (new, 10)]
    assert (await shelf.catalogue.get(WS, "reader")).version == old
    await shelf.versions.promote(WS, promotion(60), ADA)
    assert await pointed(shelf) == [(new, 60), (old, 40)]
    await shelf.versions.promote(WS, promotion(), ADA)
    assert await pointed(shelf) == [(new, 100)]
    assert [agent.version for agent in await shelf.catalogue.list(WS)] == [new]


async def test_one_run_sees_one_state_of_the_catalogue(shelf: Shelf) -> None:
    await two_versions(shelf)
    seen, later = AssignedAgents(shelf.catalogue).for_run("a"), AssignedAgents(shelf.catalogue).for_run("a")
    before = await seen.list(WS)
    before_it_changed = [*before]
    before.clear()
    await shelf.versions.promote(WS, promotion(), ADA)
    assert await seen.list(WS) == before_it_changed
    assert await later.list(WS) != before_it_changed


async def test_who_changed_what_is_kept_with_the_reason(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    await shelf.versions.promote(WS, promotion(10), ADA)
    last, second, first = await shelf.versions.history(WS, "reader")
    assert (first.what, first.by, first.channel, first.was) == ("applied", "ada", "stable", ())
    assert (second.by, second.channel, second.becomes) == ("bob", "canary", (Share(version=new),))
    assert (last.number, last.what, last.reason) == (3, "promoted", "looks good")
    assert last.was == (Share(version=old),)
    assert last.becomes == (Share(version=old, weight=90), Share(version=new, weight=10))


async def test_of_two_promotions_at_once_exactly_one_wins(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    wanted = [promotion(weight, expected=2) for weight in (10, 25, 100, 100, 50, 75)]
    done = await asyncio.gather(
        *(shelf.versions.promote(WS, one, ADA) for one in wanted), return_exceptions=True
    )
    lost = [one for one in done if isinstance(one, BaseException)]
    assert len(lost) == len(wanted) - 1
    for one in lost:
        assert isinstance(one, Conflict)
        assert one.code == "conflict.agent_changed"
        assert one.context["revision"] == 3
        assert "by ada" in one.message
    assert [one.what for one in await shelf.versions.history(WS, "reader")] == [
        "promoted", "applied", "applied",
    ]  # fmt: skip
    assert sum(weight for _, weight in await pointed(shelf)) == 100
    assert {version for version, _ in await pointed(shelf)} <= {old, new}


async def test_the_same_promotion_again_says_that_it_is_there_and_by_whom(shelf: Shelf) -> None:
    _, new = await two_versions(shelf)
    await shelf.versions.promote(WS, promotion(), BOB)
    with pytest.raises(Conflict, match=rf"stable: {new}.*by bob") as refused:
        await shelf.versions.promote(WS, promotion(), ADA)
    assert refused.value.code == "conflict.agent_unchanged"
    assert len(await shelf.versions.history(WS, "reader")) == 3


async def test_what_cannot_be_promoted_is_refused_and_changes_nothing(shelf: Shelf) -> None:
    await two_versions(shelf)
    refusals = (
        (promotion(source="draft"), NotFound, "no channel 'draft'"),
        (promotion(0), InvalidInput, "from 1 to 100"),
        (promotion(101), InvalidInput, "from 1 to 100"),
        (promotion(expected=1), Conflict, "revision 2"),
        (Promotion(name="reader", source="canary", to="123456789abc"), InvalidInput, "name of a channel"),
        (Promotion(name="reader", source="canary", to="beta", weight=10), InvalidInput, "no version beside"),
        (Promotion(name="nobody", source="canary"), NotFound, "no agent 'nobody'"),
    )
    for wanted, kind, words in refusals:
        with pytest.raises(kind, match=words):
            await shelf.versions.promote(WS, wanted, ADA)
    assert len(await shelf.versions.history(WS, "reader")) == 2


async def test_a_rollback_goes_back_step_by_step_and_no_further(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    await shelf.versions.promote(WS, promotion(10), ADA)
    await shelf.versions.promote(WS, promotion(), ADA)
    await shelf.versions.rollback(WS, "reader", BOB)
    assert await pointed(shelf) == [(old, 90), (new, 10)]
    await shelf.versions.rollback(WS, "reader", BOB)
    assert await pointed(shelf) == [(old, 100)]
    with pytest.raises(Conflict, match="no earlier state") as refused:
        await shelf.versions.rollback(WS, "reader", BOB)
    assert refused.value.code == "conflict.agent_no_earlier"
    with pytest.raises(NotFound, match="no channel 'draft'"):
        await shelf.versions.rollback(WS, "reader", BOB, channel="draft")


async def test_a_deprecated_version_is_told_of_and_a_blocked_one_refused_to_new_runs(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    why = Author(by="ada", reason="too slow")
    await shelf.versions.deprecate(WS, f"reader@{old}", why)
    mine = AssignedAgents(shelf.catalogue).for_run("t")
    await mine.list(WS)
    assert [(one.version, one.deprecated, one.reason) for one in mine.assigned] == [(old, True, "too slow")]
    with pytest.raises(Conflict, match=r"channels point at it \(stable\)") as used:
        await shelf.versions.deprecate(WS, f"reader@{old}", why, block=True)
    assert used.value.code == "conflict.agent_in_use"
    await shelf.versions.promote(WS, promotion(), ADA)
    await shelf.versions.deprecate(WS, f"reader@{old}", why, block=True)
    with pytest.raises(Conflict, match="too slow") as blocked:
        await AssignedAgents(shelf.catalogue).for_run("t").get(WS, f"reader@{old}")
    assert blocked.value.code == "conflict.agent_blocked"
    assert (await shelf.catalogue.get(WS, f"reader@{old}")).version == old, "it can be looked at still"
    for change in (
        shelf.versions.rollback(WS, "reader", ADA),
        shelf.catalogue.apply(WS, profile(), filename="a.yaml"),
    ):
        with pytest.raises(Conflict, match="is blocked"):
            await change
    await shelf.versions.deprecate(WS, f"reader@{old}", why, lift=True)
    await shelf.versions.rollback(WS, "reader", ADA)
    assert await pointed(shelf) == [(old, 100)]
    assert new != old


async def test_a_version_is_named_whole_and_must_be_there(shelf: Shelf) -> None:
    await two_versions(shelf)
    with pytest.raises(InvalidInput, match="names no version"):
        await shelf.versions.deprecate(WS, "reader@stable", ADA)
    with pytest.raises(NotFound):
        await shelf.versions.deprecate(WS, "reader@0123456789ab", ADA)
    with pytest.raises(InvalidInput, match="501 characters"):
        await shelf.versions.promote(WS, promotion(), Author(by="ada", reason="x" * 501))


async def test_a_thread_keeps_its_version_and_another_workspace_has_its_own(shelf: Shelf) -> None:
    old, new = await two_versions(shelf)
    await shelf.versions.promote(WS, promotion(50), ADA)

    async def version(thread: str) -> str:
        return (await AssignedAgents(shelf.catalogue).for_run(thread).list(WS))[0].version

    first = {thread: await version(thread) for thread in map(str, range(30))}
    assert set(first.values()) == {old, new}
    assert {thread: await version(thread) for thread in first} == first
    await shelf.versions.promote(WS, promotion(80), ADA)
    moved = {thread for thread in first if await version(thread) != first[thread]}
    assert moved <= {thread for thread, was in first.items() if was == old}
    with pytest.raises(NotFound):
        await shelf.versions.standing("other", "reader")


async def test_scores_and_origins_are_kept_by_version(shelf: Shelf) -> None:
    made = Author(
        by="factory", origin=Origin(kind="factory", template="reader", parameters={"language": "es"}, by="f")
    )
    agent = await shelf.catalogue.apply(WS, profile(), filename="a.yaml", author=made)
    again = Author(by="ada", origin=Origin(kind="imported"))
    await shelf.catalogue.apply(WS, profile(), filename="a.yaml", channel="draft", author=again)
    score = Evaluation(
        name="reader", version=agent.version, set_name="reading", set_hash="ab", score=0.5, n=4, model="m"
    )
    await shelf.versions.record_evaluation(WS, score)
    await shelf.versions.record_evaluation(
        WS, Evaluation(name="reader", version=agent.version, set_name="reading", set_hash="ab", score=1, n=4)
    )
    (version,) = (await shelf.versions.standing(WS, "reader")).versions
    assert version.origin == made.origin, "how it came to be the first time"
    assert [one.score for one in version.evaluations] == [1.0, 0.5]
    assert version.evaluations[1].model == "m"
    for bad, n in ((1.5, 4), (0.5, 0), (float("nan"), 1)):
        wrong = Evaluation(name="reader", version=agent.version, set_name="s", set_hash="", score=bad, n=n)
        with pytest.raises(InvalidInput, match="from 0 to 1"):
            await shelf.versions.record_evaluation(WS, wrong)


async def test_appliers_at_once_all_come_through_one_after_the_other(shelf: Shelf) -> None:
    texts = [profile(instructions=f"Read {n} times.") for n in range(5)]
    agents = await asyncio.gather(
        *(shelf.catalogue.apply(WS, text, filename="a.yaml", author=ADA) for text in texts)
    )
    history = await shelf.versions.history(WS, "reader")
    assert [one.number for one in history] == [5, 4, 3, 2, 1]
    assert [one.was for one in history[:-1]] == [one.becomes for one in history[1:]]
    assert (await shelf.catalogue.get(WS, "reader")).version in {agent.version for agent in agents}


async def test_an_agent_that_was_removed_and_applied_again_has_no_earlier_state(shelf: Shelf) -> None:
    await two_versions(shelf)
    await shelf.catalogue.remove(WS, "reader", author=BOB)
    assert next(one.what for one in await shelf.versions.history(WS, "reader")) == "removed"
    await shelf.catalogue.apply(WS, profile(), filename="a.yaml")
    with pytest.raises(Conflict, match="no earlier state"):
        await shelf.versions.rollback(WS, "reader", ADA)


async def test_what_ships_is_in_every_workspace_from_its_first_use(shelf: Shelf) -> None:
    from flowmatik.agents import StoredCatalogue
    from tests.contracts.catalogue.conftest import SecondClock

    seeding = StoredCatalogue(shelf.database, SecondClock(), seeds=True)
    lists = await asyncio.gather(*(seeding.list("fresh") for _ in range(3)))
    names = [agent.name for agent in lists[0]]
    assert {"planner", "researcher", "writer"} <= set(names)
    assert [agent.name for agent in lists[2]] == names
    assert await shelf.catalogue.list("untouched") == []
