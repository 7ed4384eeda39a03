"""Who sees and changes which facts, and what is left of one that is forgotten: nothing."""

import asyncio
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import (
    Correction,
    FactFilter,
    FactPolicy,
    FactScope,
    NewFact,
    Origin,
    Support,
)
from flowmatik.kernel.errors import InvalidInput, NotFound, PermissionDenied
from flowmatik.memory.facts import FactStore, StoredFacts
from flowmatik.memory.facts.viewing import Viewer, Viewers
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore
from tests.contracts.facts.conftest import ADMIN, HandClock, KnownBearers, user

OWN = NewFact(subject="user", predicate="name", value="Ana")
OFFICE = NewFact(subject="the office", predicate="address", value="Calle Mayor 1", scope=FactScope.WORKSPACE)
TEAM = NewFact(subject="pipeline", predicate="goal", value="10 deals", scope=FactScope.TEAM, owner="sales")


async def seen_by(facts: StoredFacts, who: str, workspace: str = "acme") -> set[str]:
    return {one.value for one in (await facts.list(user(who, workspace))).items}


async def test_everybody_sees_what_is_the_workspaces_and_their_own(facts: StoredFacts) -> None:
    for new in (OWN, OFFICE, TEAM):
        await facts.add(user(), new)
    assert await seen_by(facts, "usr_1") == {"Ana", "Calle Mayor 1", "10 deals"}
    assert await seen_by(facts, "key_1") == {"Ana", "Calle Mayor 1", "10 deals"}
    assert await seen_by(facts, "usr_2") == {"Calle Mayor 1", "10 deals"}
    assert await seen_by(facts, "usr_3") == {"Calle Mayor 1"}
    assert await seen_by(facts, "usr_9") == {"Calle Mayor 1"}
    assert await seen_by(facts, "usr_1", "other") == set()


async def test_another_persons_facts_are_not_there_for_anybody_else(facts: StoredFacts) -> None:
    own = await facts.add(user(), OWN)
    for stranger in (user("usr_2"), ADMIN, user("usr_1", "other")):
        for attempt in (
            facts.get(stranger, own.id),
            facts.history(stranger, own.id),
            facts.correct(stranger, own.id, Correction(value="Eva")),
            facts.end(stranger, own.id),
            facts.forget(stranger, own.id),
        ):
            with pytest.raises(NotFound):
                await attempt
    assert (await facts.get(user(), own.id)).value == "Ana"
    with pytest.raises(InvalidInput) as caught:
        await facts.add(user("usr_2"), replace(OWN, owner="usr_1"))
    assert caught.value.code == "input.fact.person"
    with pytest.raises(InvalidInput) as caught:
        await facts.add(user("usr_3"), TEAM)
    assert caught.value.code == "input.fact.team"


async def test_what_is_forgotten_leaves_a_certificate_and_nothing_else(
    facts: StoredFacts, database: Database
) -> None:
    one = await facts.add(user(), OWN)
    await facts.correct(user(), one.id, Correction(value="Anabel"))
    kept = await facts.add(user(), OFFICE)
    certificate = await facts.forget(user(), one.id)
    assert (certificate.facts, certificate.versions, certificate.supports) == (1, 2, 2)
    assert list(await facts.erasures(user())) == [certificate]
    assert not await facts.erasures(user("usr_2"))
    with pytest.raises(NotFound):
        await facts.history(user(), one.id)
    assert (await facts.get(user(), kept.id)).value == "Calle Mayor 1"
    within = database.within("acme")
    for everything in (
        "SELECT * FROM fact_lines WHERE workspace_id = $1",
        "SELECT * FROM facts WHERE workspace_id = $1",
        "SELECT * FROM fact_supports WHERE workspace_id = $1",
        "SELECT * FROM fact_erasures WHERE workspace_id = $1",
    ):
        rows = await within.fetch(everything, "acme")
        assert "Ana" not in str([tuple(row) for row in rows])


async def test_bytes_of_a_forgotten_fact_are_in_no_file_of_the_store(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    await upgrade(path)
    file = SqliteStore(path)
    store = FactStore(SqliteDatabase(file), HandClock(), file.checkpoint)
    facts = StoredFacts(store, Viewers(KnownBearers()))
    secret = b"Xanthippe of Colophon"
    one = await facts.add(user(), replace(OWN, value=secret.decode(), predicate="full name"))
    await file.checkpoint()
    assert await asyncio.to_thread(found_in, tmp_path, secret)
    await facts.forget(user(), one.id)
    assert not await asyncio.to_thread(found_in, tmp_path, secret)
    assert not await asyncio.to_thread(found_in, tmp_path, secret.lower())
    await file.close()


def found_in(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_all_about_a_person_goes_at_their_word_or_an_administrators(facts: StoredFacts) -> None:
    await facts.add(user(), OWN)
    await facts.add(user(), NewFact(subject="user", predicate="likes", value="tea"))
    await facts.add(user(), replace(OWN, scope=FactScope.THREAD, owner="thr_1"))
    await facts.add(user(), OFFICE)
    with pytest.raises(PermissionDenied):
        await facts.forget_person(user("usr_2"), "usr_1")
    assert (await facts.forget_person(user("usr_2"))).facts == 0
    certificate = await facts.forget_person(ADMIN, "usr_1")
    assert (certificate.what, certificate.facts, certificate.by) == ("person", 3, "usr_9")
    assert await seen_by(facts, "usr_1") == {"Calle Mayor 1"}


async def test_a_change_at_the_moment_of_forgetting_brings_nothing_back(facts: StoredFacts) -> None:
    for n in range(5):
        one = await facts.add(user(), replace(OWN, value=f"Ana {n}"))
        await asyncio.gather(
            facts.forget(user(), one.id),
            facts.add(user(), replace(OWN, value="Eva", valid_from="2030-01-01")),
            return_exceptions=True,
        )
        left = await facts.list(user())
        assert {one.value for one in left.items} <= {"Eva"}
        await facts.forget_person(user())


async def test_derived_facts_go_with_their_last_support_and_stated_ones_stay(facts: StoredFacts) -> None:
    price = NewFact(subject="X200", predicate="price", value="10 EUR", scope=FactScope.WORKSPACE)
    viewer = Viewer(person="")
    sources = tuple(Support(kind="document", ref=f"doc_{n}", quote="costs 10 EUR") for n in (1, 2))
    derived = await facts.learn(
        "acme", replace(price, supports=sources), viewer=viewer, origin=Origin.DOCUMENT
    )
    stated = await facts.add(user(), replace(OFFICE, supports=sources[:1]))
    first = await facts.unsupported("acme", "document", ["doc_1", "doc_9"])
    assert first is not None
    assert (first.facts, first.supports) == (0, 2)
    assert [one.ref for one in (await facts.get(user(), derived.id)).supports] == ["doc_2"]
    second = await facts.unsupported("acme", "document", ["doc_2"])
    assert second is not None
    assert (second.facts, second.versions) == (1, 1)
    with pytest.raises(NotFound):
        await facts.get(user(), derived.id)
    assert [one.kind for one in (await facts.get(user(), stated.id)).supports] == ["person"]
    assert await facts.unsupported("acme", "document", ["doc_2"]) is None
    assert await facts.unsupported("other", "document", ["doc_1"]) is None


async def test_a_deleted_conversation_takes_its_own_facts_and_its_quotes(facts: StoredFacts) -> None:
    heard = Support(kind="message", ref="thr_1#3", quote="me llamo Ana")
    viewer = Viewer(person="usr_1")
    name = await facts.learn("acme", replace(OWN, supports=(heard,)), viewer=viewer, origin=Origin.SAID)
    topic = NewFact(subject="topic", predicate="is", value="travel", scope=FactScope.THREAD, owner="thr_1")
    await facts.add(user(), topic)
    other = replace(topic, owner="thr_10")
    await facts.add(user(), other)
    gone = await facts.thread_gone("acme", "thr_1")
    assert gone is not None
    assert (gone.what, gone.facts, gone.supports) == ("thread", 1, 2)
    assert (await facts.get(user(), name.id)).supports == ()
    assert {one.owner for one in (await facts.list(user())).items} == {"usr_1", "thr_10"}
    assert await facts.thread_gone("acme", "thr_1") is None


REFUSED = (
    (replace(OWN, value=" "), "input.fact.value"),
    (replace(OWN, value="x" * 1001), "input.fact.value"),
    (replace(OWN, value="a\0b"), "input.fact.value"),
    (replace(OWN, value="a\ud800b"), "input.fact.value"),
    (replace(OWN, subject=""), "input.fact.name"),
    (replace(OWN, subject="¿?"), "input.fact.name"),
    (replace(OWN, predicate="—"), "input.fact.name"),
    (replace(OWN, valid_from="yesterday"), "input.fact.time"),
    (replace(OWN, valid_from="2026-01-01T10:00:00"), "input.fact.time"),
    (replace(OWN, valid_from="2026-02-30"), "input.fact.time"),
    (replace(OWN, valid_from="2026-02-01", valid_until="2026-01-01"), "input.fact.times"),
    (replace(OWN, confidence=1.5), "input.fact.weight"),
    (replace(OWN, importance=float("nan")), "input.fact.weight"),
    (replace(OFFICE, scope=FactScope.AGENT), "input.fact.name"),
    (replace(OWN, supports=(Support(kind="run", ref="r"),) * 21), "input.fact.supports"),
)


async def test_what_cannot_be_a_fact_is_refused_and_leaves_nothing(facts: StoredFacts) -> None:
    for new, code in REFUSED:
        with pytest.raises(InvalidInput) as caught:
            await facts.add(user(), new)
        assert caught.value.code == code, new
    assert not (await facts.list(user())).items


async def test_pages_follow_each_other_and_filters_hold(facts: StoredFacts, clock: HandClock) -> None:
    for n in range(5):
        clock.pass_by(hours=1)
        await facts.add(user(), replace(OFFICE, subject=f"Office {n}", predicate="Opens At"))
    first = await facts.list(user(), limit=3)
    second = await facts.list(user(), limit=3, cursor=first.next)
    assert [one.subject[-1] for one in (*first.items, *second.items)] == ["4", "3", "2", "1", "0"]
    assert not second.next
    found = await facts.list(user(), FactFilter(text="ÓFFICE 3", predicate="opens_at"))
    assert [one.subject for one in found.items] == ["Office 3"]
    with pytest.raises(InvalidInput):
        await facts.list(user(), cursor="nonsense")


async def test_only_administrators_say_what_a_workspace_remembers(facts: StoredFacts) -> None:
    with pytest.raises(PermissionDenied):
        await facts.set_policy(user(), FactPolicy(special=True))
    with pytest.raises(InvalidInput):
        await facts.set_policy(ADMIN, FactPolicy(half_life_days={"galaxy": 3.0}))
    await facts.set_policy(ADMIN, FactPolicy(special=True, half_life_days={"user": 3.0}))
    assert (await facts.policy(user())).half_life_days["user"] == 3.0
    assert (await facts.policy(user("usr_1", "other"))) == FactPolicy()


async def test_what_was_certified_is_not_changed(facts: StoredFacts, database: Database) -> None:
    if database.dialect == "sqlite":
        return  # which has no roles
    one = await facts.add(user(), OWN)
    await facts.forget(user(), one.id)
    for statement in ("UPDATE fact_erasures SET facts = 0", "DELETE FROM fact_erasures"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await database.within("acme").transaction([(statement, ())])
