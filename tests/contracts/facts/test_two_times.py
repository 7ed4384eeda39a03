"""Facts in two times: what is said later ends what was known and overwrites nothing, on every store."""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowmatik.contracts.database import Database
from flowmatik.contracts.facts import Correction, Fact, FactFilter, FactScope, NewFact, Origin, Support
from flowmatik.kernel.errors import Conflict
from flowmatik.memory.facts import FactStore, StoredFacts
from flowmatik.memory.facts.times import text_of
from flowmatik.memory.facts.viewing import Viewer, Viewers
from tests.contracts.facts.conftest import START, HandClock, KnownBearers, user

HOME = NewFact(subject="user", predicate="lives in", value="Madrid", valid_from="2020-01-01")


def values(facts: tuple[Fact, ...]) -> set[str]:
    return {one.value for one in facts}


async def test_what_is_said_later_ends_what_held_before(facts: StoredFacts, clock: HandClock) -> None:
    first = await facts.add(user(), HOME)
    clock.pass_by(days=30)
    await facts.add(user(), replace(HOME, value="París", valid_from="2025-06-01"))
    now = (await facts.list(user())).items
    assert {(one.value, one.valid_from[:10], one.valid_until[:10]) for one in now} == {
        ("Madrid", "2020-01-01", "2025-06-01"),
        ("París", "2025-06-01", ""),
    }
    before = await facts.list(user(), FactFilter(recorded_at="2026-01-15", valid_at="2025-12-01"))
    assert values(before.items) == {"Madrid"}
    after = await facts.list(user(), FactFilter(recorded_at="2026-02-15", valid_at="2025-12-01"))
    assert values(after.items) == {"París"}
    history = await facts.history(user(), first.id)
    assert [(one.value, one.version) for one in history] == [("Madrid", 1), ("Madrid", 2), ("París", 1)]
    assert history[0].retracted_at == history[1].recorded_at


async def test_a_value_for_some_time_leaves_what_was_before_and_after(facts: StoredFacts) -> None:
    await facts.add(user(), HOME)
    summer = replace(HOME, value="Cádiz", valid_from="2024-07-01", valid_until="2024-09-01")
    await facts.add(user(), summer)
    for day, home in (("2024-06-30", "Madrid"), ("2024-08-01", "Cádiz"), ("2024-09-01", "Madrid")):
        assert values((await facts.list(user(), FactFilter(valid_at=day))).items) == {home}
    held = [one for one in (await facts.list(user())).items if one.value == "Madrid"]
    supports = [(await facts.get(user(), one.id)).supports for one in held]
    assert len(held) == 2
    assert [[one.quote for one in rows] for rows in supports] == [["Madrid"], ["Madrid"]]


async def test_the_same_said_again_is_one_fact_with_one_support_more(facts: StoredFacts) -> None:
    once = await facts.add(user(), replace(HOME, scope=FactScope.WORKSPACE))
    again = await facts.add(user("usr_2"), replace(HOME, scope=FactScope.WORKSPACE, value="madrid."))
    assert again.id == once.id
    assert {one.ref for one in again.supports} == {"usr_1", "usr_2"}
    assert len(await facts.history(user(), once.id)) == 1


async def test_what_two_say_of_the_same_time_contradicts_and_stays(facts: StoredFacts) -> None:
    said = replace(HOME, subject="the office", predicate="address", scope=FactScope.WORKSPACE)
    one = await facts.add(user(), said)
    other = await facts.add(user("usr_2"), replace(said, value="Sevilla"))
    shown = await facts.list(user(), FactFilter(contradicted=True))
    assert {fact.id: fact.contradicts for fact in shown.items} == {one.id: (other.id,), other.id: (one.id,)}
    assert (await facts.get(user(), one.id)).contradicts == (other.id,)
    right = await facts.correct(user("usr_3"), one.id, Correction(value="Bilbao"))
    assert (right.value, right.origin, right.recorded_by) == ("Bilbao", Origin.PERSON, "usr_3")
    left = await facts.list(user())
    assert [(fact.value, fact.contradicts) for fact in left.items] == [("Bilbao", ())]


async def test_a_correction_stands_on_the_word_of_the_one_who_made_it(
    facts: StoredFacts, clock: HandClock
) -> None:
    wrong = await facts.add(user(), HOME)
    clock.pass_by(days=1)
    right = await facts.correct(user(), wrong.id, Correction(value="Murcia"))
    assert (right.id, right.version, right.valid_from) == (wrong.id, 2, wrong.valid_from)
    assert [one.quote for one in right.supports] == ["Murcia"]
    known = FactFilter(valid_at="2021-01-01")
    assert values((await facts.list(user(), known)).items) == {"Murcia"}
    then = replace(known, recorded_at=wrong.recorded_at)
    assert values((await facts.list(user(), then)).items) == {"Madrid"}
    history = await facts.history(user(), wrong.id)
    assert [[one.quote for one in row.supports] for row in history] == [["Madrid"], ["Murcia"]]


async def test_several_values_hold_side_by_side_where_a_predicate_has_many(facts: StoredFacts) -> None:
    tea = await facts.add(user(), NewFact(subject="user", predicate="likes", value="tea"))
    await facts.add(user(), NewFact(subject="user", predicate="likes", value="jazz"))
    assert values((await facts.list(user())).items) == {"tea", "jazz"}
    corrected = await facts.correct(user(), tea.id, Correction(value="coffee"))
    assert corrected.value == "coffee"
    assert values((await facts.list(user())).items) == {"coffee", "jazz"}
    assert all(not one.contradicts for one in (await facts.list(user())).items)


async def test_what_holds_no_longer_ends_and_is_remembered_as_past(
    facts: StoredFacts, clock: HandClock
) -> None:
    tea = await facts.add(user(), NewFact(subject="user", predicate="likes", value="tea"))
    clock.pass_by(days=10)
    past = await facts.end(user(), tea.id)
    assert past.valid_until.startswith("2026-01-11")
    assert not (await facts.list(user(), FactFilter(valid_at="2026-02-01"))).items
    assert values((await facts.list(user(), FactFilter(valid_at="2026-01-05"))).items) == {"tea"}
    gone = await facts.end(user(), tea.id, at="2025-01-01")
    with pytest.raises(Conflict) as caught:
        await facts.correct(user(), gone.id, Correction(value="coffee"))
    assert caught.value.code == "conflict.fact_retracted"


async def test_recorded_time_grows_though_the_clock_goes_back(facts: StoredFacts, clock: HandClock) -> None:
    await facts.add(user(), HOME)
    clock.pass_by(days=-100)
    await facts.add(user(), replace(HOME, value="París", valid_from="2025-06-01"))
    history = await facts.history(user(), (await facts.list(user())).items[0].id)
    assert all(not one.retracted_at or one.recorded_at < one.retracted_at for one in history)


async def test_writers_at_the_same_moment_leave_one_line_without_overlaps(facts: StoredFacts) -> None:
    cities = [f"city {n}" for n in range(6)]
    said = [replace(HOME, value=city, valid_from=f"2024-0{n + 1}-01") for n, city in enumerate(cities)]
    await asyncio.gather(*(facts.add(user(), one) for one in said))
    now = sorted((await facts.list(user())).items, key=lambda one: one.valid_from)
    assert all(one.valid_until <= other.valid_from for one, other in pairwise(now))
    assert all(not one.contradicts for one in now)


# --- against a naive model ------------------------------------------------------------------------

DAYS = 12


@dataclass(frozen=True)
class Said:
    by: str
    value: str
    since: int
    until: int
    overrides: bool = False
    ends: bool = False


@dataclass
class Claim:
    """In the naive model a fact is the set of days on which it holds."""

    value: str
    by: str
    since: int
    days: set[int]


class Naive:
    def __init__(self) -> None:
        self.known: list[list[Claim]] = []  # at each moment

    def say(self, said: Said) -> None:
        claims = [Claim(c.value, c.by, c.since, set(c.days)) for c in (self.known[-1] if self.known else [])]
        days = set(range(said.since, said.until))
        if said.ends:
            for claim in claims:
                claim.days -= set(range(said.since, DAYS))
        else:
            claims = self._with(claims, said, days)
        self.known.append(_settled(claims))

    def _with(self, claims: list[Claim], said: Said, days: set[int]) -> list[Claim]:
        for claim in claims:
            if claim.value == said.value or not claim.days & days:
                continue
            if said.overrides or said.since > min(claim.days) or said.by == claim.by:
                claim.days -= days
        same = [c for c in claims if c.value == said.value and c.days & days]
        if same:
            for other in same[1:]:
                same[0].days |= other.days
                other.days = set()
            same[0].days |= days
            return claims
        return [*claims, Claim(said.value, said.by, said.since, days)]

    def answer(self, moment: int, day: int) -> set[str]:
        return {claim.value for claim in self.known[moment] if day in claim.days}


def _settled(claims: list[Claim]) -> list[Claim]:
    """Each claim is one run of days: what was cut in two is two."""
    found: list[Claim] = []
    for claim in claims:
        rest = set(claim.days)
        while rest:
            first = last = min(rest)
            while last + 1 in rest:
                last += 1
            run = set(range(first, last + 1))
            rest -= run
            found.append(Claim(claim.value, claim.by, first, run))
    return found


def said_of(by: str, value: str, days: tuple[int, int], overrides: bool, ends: int) -> Said:
    return Said(by, value, min(days), max(days) + 1, overrides, ends == 0)


def statements() -> st.SearchStrategy[list[Said]]:
    one = st.builds(
        said_of,
        st.sampled_from(["usr_1", "usr_2"]),
        st.sampled_from(["a", "b", "c"]),
        st.tuples(st.integers(0, DAYS - 1), st.integers(0, DAYS - 1)),
        st.booleans(),
        st.integers(0, 5),
    )
    return st.lists(one, min_size=1, max_size=8)


def day(n: int) -> str:
    return text_of(START - timedelta(days=1000) + timedelta(days=n))


LINES = iter(range(10**9))


@given(said=statements())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_was_known_when_of_which_day_is_what_a_naive_model_says(
    database: Database, said: list[Said]
) -> None:
    clock, naive = HandClock(), Naive()
    facts = StoredFacts(FactStore(database, clock), Viewers(KnownBearers()))
    subject = f"subject {next(LINES)}"
    moments: list[str] = []
    for one in said:
        clock.pass_by(hours=1)
        naive.say(one)
        await _say(facts, subject, one)
        moments.append(text_of(clock.now() + timedelta(minutes=30)))
    for n, moment in enumerate(moments):
        for which in range(0, DAYS, 2):
            wanted = FactFilter(subject=subject, recorded_at=moment, valid_at=day(which))
            found = (await facts.list(user(), wanted)).items
            assert sorted(one.value for one in found) == sorted(naive.answer(n, which)), (n, which)
            assert all(bool(one.contradicts) for one in found) or len(found) <= 1


async def _say(facts: StoredFacts, subject: str, one: Said) -> None:
    if one.ends:
        current = await facts.list(user(), FactFilter(subject=subject))
        for fact in current.items:
            await facts.end(user(), fact.id, at=day(one.since))
        return
    new = NewFact(
        subject=subject,
        predicate="state",
        value=one.value,
        scope=FactScope.WORKSPACE,
        valid_from=day(one.since),
        valid_until=day(one.until),
        supports=(Support(kind="person", ref=one.by),),
    )
    viewer = Viewer(person=one.by)
    await facts.learn("acme", new, viewer=viewer, origin=Origin.PERSON, overrides=one.overrides)
