"""What runs are told, what agents may keep, and what becomes of facts that nobody asks for."""

from dataclasses import replace
from typing import Any

import pytest

from flowmatik.contracts.facts import FactFilter, FactPolicy, FactScope, NewFact, Origin, Recalling, Support
from flowmatik.contracts.threads import Role, ThreadMessage
from flowmatik.contracts.tools import ToolContext
from flowmatik.core.guards.pii import personal
from flowmatik.core.guards.secrets import secrets_in
from flowmatik.kernel.errors import InvalidInput, ToolError, ToolInputInvalid
from flowmatik.memory.facts import (
    Consolidation,
    FactHearing,
    FactRecaller,
    FactStore,
    FactTools,
    Screening,
    StoredFacts,
    Viewer,
    Viewers,
)
from tests.contracts.facts.conftest import ADMIN, HandClock, KnownBearers, user

SCREENING = Screening(secrets_in, personal)
VIEWERS = Viewers(KnownBearers())
NAME = NewFact(subject="user", predicate="name", value="Ana", importance=0.9)
OFFICE = NewFact(subject="the office", predicate="address", value="Calle Mayor 1", scope=FactScope.WORKSPACE)
ASKED = Recalling(workspace_id="acme", goal="Where is the office?", principal="usr_1", thread="thr_1")


@pytest.fixture
def recaller(store: FactStore) -> FactRecaller:
    return FactRecaller(store, VIEWERS)


async def told(recaller: FactRecaller, asked: Recalling) -> list[str]:
    return [str(row["value"]) for row in (await recaller.recall(asked))["facts"]]


async def test_a_run_is_told_the_facts_of_the_scopes_that_apply_and_no_others(
    facts: StoredFacts, recaller: FactRecaller
) -> None:
    await facts.add(user(), NAME)
    await facts.add(user(), OFFICE)
    await facts.add(user(), replace(OFFICE, value="10 deals", scope=FactScope.TEAM, owner="sales"))
    await facts.add(
        user(), replace(NAME, predicate="topic", value="travel", scope=FactScope.THREAD, owner="thr_1")
    )
    await facts.add(user(), replace(OFFICE, value="closed", scope=FactScope.AGENT, owner="clerk"))
    await facts.add(user("usr_2"), replace(NAME, value="Eva"))
    assert set(await told(recaller, ASKED)) == {"Ana", "Calle Mayor 1", "10 deals", "travel"}
    assert set(await told(recaller, replace(ASKED, agent="clerk", thread=""))) == {
        "Ana", "Calle Mayor 1", "10 deals", "closed",
    }  # fmt: skip
    assert set(await told(recaller, replace(ASKED, principal="usr_2"))) == {
        "Eva",
        "Calle Mayor 1",
        "10 deals",
    }
    behind_a_key = await told(recaller, replace(ASKED, principal="key_1"))
    assert set(behind_a_key) == {"Calle Mayor 1", "travel"}
    assert await told(recaller, replace(ASKED, workspace_id="other")) == []


async def test_what_one_person_tells_an_agent_is_not_for_the_next_one(
    facts: StoredFacts, recaller: FactRecaller, clock: HandClock
) -> None:
    of_agent = replace(OFFICE, scope=FactScope.AGENT, owner="clerk")
    await facts.add(user(), replace(of_agent, value="closed"))
    mine = replace(ASKED, agent="clerk", thread="")
    others = replace(mine, principal="usr_2")
    assert "closed" in await told(recaller, mine)
    assert "closed" not in await told(recaller, others)
    assert "closed" not in await told(recaller, replace(mine, principal="key_1"))
    assert [one.value for one in (await facts.list(user("usr_2"))).items] == []
    await facts.add(user(), replace(of_agent, value="open", everybody=True))
    assert "open" in await told(recaller, others)
    with pytest.raises(InvalidInput) as refused:
        await facts.add(user(), replace(OFFICE, everybody=True))
    assert refused.value.code == "input.fact.everybody"
    await facts.forget_person(user())
    assert "closed" not in await told(recaller, mine)


async def test_what_speaks_of_the_goal_comes_first_and_the_budget_holds(
    facts: StoredFacts, recaller: FactRecaller
) -> None:
    for n in range(30):
        await facts.add(
            user(), replace(OFFICE, subject=f"printer {n}", predicate="stands in", value=f"room {n}")
        )
    await facts.add(user(), OFFICE)
    found = await recaller.recall(replace(ASKED, tokens=100))
    assert found["facts"][0]["value"] == "Calle Mayor 1"
    assert 1 <= len(found["facts"]) < 6
    assert await told(recaller, replace(ASKED, facts=False)) == []


async def test_what_was_not_said_or_used_for_long_counts_less(
    facts: StoredFacts, recaller: FactRecaller, clock: HandClock
) -> None:
    old = NewFact(subject="user", predicate="likes", value="golf")
    await facts.add(user(), old)
    clock.pass_by(days=400)
    await facts.add(user(), replace(old, value="chess"))
    assert await told(recaller, replace(ASKED, goal="hello")) == ["chess", "golf"]
    used = await facts.list(user())
    assert {one.used for one in used.items} == {1}


async def test_what_is_more_important_and_what_was_told_more_often_counts_more(
    facts: StoredFacts, recaller: FactRecaller, store: FactStore
) -> None:
    likes = NewFact(subject="user", predicate="likes", value="golf", importance=0.5)
    greeting = replace(ASKED, goal="hello")
    for value, importance in (("golf", 0.5), ("tea", 0.5), ("chess", 0.9)):
        await facts.add(user(), replace(likes, value=value, importance=importance))
    assert await told(recaller, greeting) == ["chess", "golf", "tea"]
    tea = next(row.line for row in await store.as_of("acme", limit=10) if row.fact.value == "tea")
    for _ in range(3):
        await store.used("acme", [tea])
    assert await told(recaller, greeting) == ["chess", "tea", "golf"]


async def test_older_messages_that_speak_of_the_goal_are_told_in_their_order(recaller: FactRecaller) -> None:
    turns: tuple[dict[str, Any], ...] = (
        {"number": 1, "from": "person", "text": "The office in Sevilla opens at nine."},
        {"number": 2, "from": "agent", "text": "Noted."},
        {"number": 3, "from": "person", "text": "Our offices close in August. " + "x" * 2_000},
    )
    found = (await recaller.recall(replace(ASKED, turns=turns)))["episodes"]
    assert [row["number"] for row in found] == [1, 3]
    assert all(len(row["text"]) < 410 for row in found)
    assert not (await recaller.recall(replace(ASKED, turns=turns, goal="bicycle")))["episodes"]


async def test_contradictions_are_told_as_such(facts: StoredFacts, recaller: FactRecaller) -> None:
    await facts.add(user(), replace(OFFICE, valid_from="2020-01-01"))
    await facts.add(user("usr_2"), replace(OFFICE, value="Plaza 2", valid_from="2020-01-01"))
    rows = (await recaller.recall(ASKED))["facts"]
    assert [row["disputed"] for row in rows] == [True, True]


# --- listening ------------------------------------------------------------------------------------


class NoConversations:
    async def of_turn(self, workspace_id: str, thread_id: str, turn: int) -> list[ThreadMessage]:
        return []


@pytest.fixture
def hearing(store: FactStore, facts: StoredFacts) -> FactHearing:
    return FactHearing(store, facts, VIEWERS, NoConversations(), SCREENING)


def message(text: str, number: int = 1, author: str = "usr_1", thread: str = "thr_1") -> ThreadMessage:
    return ThreadMessage(thread_id=thread, number=number, role=Role.PERSON, author=author, text=text, at="")


async def test_what_a_person_says_is_remembered_once_and_forgotten_for_good(
    facts: StoredFacts, hearing: FactHearing
) -> None:
    said = message("Hola, me llamo Ana y vivo en Madrid desde 2020.")
    assert await hearing.listen("acme", said) == 2
    [home, name] = sorted((await facts.list(user())).items, key=lambda one: one.predicate)
    assert (home.value, home.valid_from[:10], home.origin) == ("Madrid", "2020-01-01", Origin.SAID)
    assert [one.ref for one in (await facts.get(user(), name.id)).supports] == ["thr_1#1"]
    await facts.forget(user(), name.id)
    assert await hearing.listen("acme", said) == 0
    assert [one.value for one in (await facts.list(user())).items] == ["Madrid"]


async def test_corrections_and_ends_change_what_is_known(facts: StoredFacts, hearing: FactHearing) -> None:
    for number, text in enumerate(
        ("Me llamo Ana", "No, me llamo Eva", "I like tea", "I no longer like tea", "I no longer like golf")
    ):
        await hearing.listen("acme", message(text, number))
    now = await facts.list(user(), FactFilter(valid_at="2026-06-01"))
    assert [(one.predicate, one.value) for one in now.items] == [("name", "Eva")]
    before = await facts.list(user(), FactFilter(valid_at="2020-06-01"))
    assert [one.value for one in before.items] == ["Eva"]


async def test_whoever_speaks_through_a_program_is_known_in_that_conversation_alone(
    facts: StoredFacts, hearing: FactHearing, recaller: FactRecaller
) -> None:
    await hearing.listen("acme", message("My name is Bob", author="key_1"))
    await hearing.listen("acme", message("My name is Carol", author="key_1", thread="thr_2"))
    through = replace(ASKED, principal="key_1")
    assert await told(recaller, through) == ["Bob"]
    assert await told(recaller, replace(through, thread="thr_2")) == ["Carol"]
    assert await told(recaller, ASKED) == ["Bob"]
    assert await told(recaller, replace(ASKED, thread="")) == []


async def test_secrets_and_special_data_are_remembered_only_where_they_may_be(
    facts: StoredFacts, hearing: FactHearing, store: FactStore
) -> None:
    said = "Soy alérgica a los cacahuetes. Recuerda que mi clave: Zx81kkWw93."
    assert await hearing.listen("acme", message(said, 1)) == 0
    await facts.set_policy(ADMIN, FactPolicy(special=True))
    assert await hearing.listen("acme", message(said, 2)) == 1
    assert [one.predicate for one in (await facts.list(user())).items] == ["allergic_to"]
    await facts.set_policy(ADMIN, FactPolicy(listen=False))
    assert await hearing.listen("acme", message("Me llamo Ana", 3)) == 0
    guarded = StoredFacts(store, VIEWERS, SCREENING)
    with pytest.raises(InvalidInput) as caught:
        await guarded.add(user(), replace(NAME, value="password: hunter2hunter2"))
    assert caught.value.code == "input.fact.secret"


# --- tools ----------------------------------------------------------------------------------------


@pytest.fixture
def tools(store: FactStore, facts: StoredFacts, recaller: FactRecaller) -> FactTools:
    return FactTools(store, facts, recaller, VIEWERS, SCREENING)


def context(principal: str = "usr_1", agent: str = "clerk", **more: Any) -> ToolContext:
    return ToolContext(
        workspace_id="acme", run_id="run_1", call_id="call_1", idempotency_key="k", principal=principal,
        agent=agent, **more,
    )  # fmt: skip


async def test_an_agent_keeps_something_for_the_person_and_finds_it_again(
    facts: StoredFacts, tools: FactTools
) -> None:
    said = {"subject": "user", "predicate": "prefers", "value": "window seats"}
    first = await tools.call("remember", said, context())
    assert await tools.call("remember", said, context()) == first
    [fact] = (await facts.list(user())).items
    assert (fact.origin, fact.confidence, fact.scope) == (Origin.AGENT, 0.7, FactScope.USER)
    found = await tools.call("recall", {"about": "seats"}, context())
    assert [row["value"] for row in found["facts"]] == ["window seats"]
    assert (await tools.call("recall", {"about": "seats"}, context("usr_2")))["facts"] == []
    await facts.unsupported("acme", "run", ["run_1"])
    assert not (await facts.list(user())).items


async def test_an_agent_cannot_keep_secrets_nor_speak_for_others(tools: FactTools) -> None:
    said = {"subject": "user", "predicate": "prefers", "value": "window seats"}
    with pytest.raises(ToolError) as refused:
        await tools.call("remember", {**said, "value": "password: hunter2hunter2"}, context())
    assert refused.value.code == "tool.remember.refused"
    with pytest.raises(ToolError) as refused:
        await tools.call("remember", said, context("key_1"))
    assert refused.value.code == "tool.remember.nobody"
    for wrong in ({**said, "value": 3}, {**said, "value": "x" * 2_000}, {"subject": "user"}):
        with pytest.raises(ToolInputInvalid):
            await tools.call("remember", wrong, context())
    after = await tools.call("remember", said, context(labels=("personal",)))
    assert after["remembered"]["value"] == "window seats"


# --- consolidation --------------------------------------------------------------------------------


async def test_the_same_in_other_words_becomes_one_with_the_supports_of_both(
    facts: StoredFacts, store: FactStore
) -> None:
    likes = NewFact(subject="user", predicate="likes", value="short answer", language="en")
    one = await facts.add(user(), likes)
    heard = Support(kind="message", ref="thr_1#9", quote="I like short answers")
    viewer = Viewer(person="usr_1")
    double = replace(likes, value="short answers", supports=(heard,))
    await facts.learn("acme", double, viewer=viewer, origin=Origin.SAID)
    assert await Consolidation(store).look_after("acme") == (1, 0)
    [left] = (await facts.list(user())).items
    assert left.id == one.id
    assert {row.ref for row in (await facts.get(user(), one.id)).supports} == {"usr_1", "thr_1#9"}
    assert await Consolidation(store).look_after("acme") == (0, 0)


async def test_what_agents_said_fades_and_what_people_said_does_not(
    facts: StoredFacts, store: FactStore, clock: HandClock
) -> None:
    viewer = Viewer(person="usr_1")
    run = Support(kind="run", ref="run_1")
    derived = await facts.learn(
        "acme", replace(NAME, value="Anita", supports=(run,)), viewer=viewer, origin=Origin.AGENT
    )
    await facts.add(user(), replace(OFFICE, importance=0.1))
    clock.pass_by(days=365 * 8)
    assert await Consolidation(store).look_after("acme") == (0, 1)
    assert [one.value for one in (await facts.list(user())).items] == ["Calle Mayor 1"]
    history = await facts.history(user(), derived.id)
    assert history[-1].retracted_at
