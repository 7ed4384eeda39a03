"""The catalogue on a real SQLite file with the real schema."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowmatik.agents import StoredCatalogue, inventory_of
from flowmatik.kernel.errors import Conflict, NotFound, ProfileInvalid
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore

PROFILE = """\
apiVersion: flowmatik/v1
kind: Agent
metadata: {name: reader}
summary: Reads.
role: researcher
instructions: Read.
"""


@dataclass
class MinuteClock:
    """A minute passes whenever somebody looks."""

    at: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        self.at += timedelta(minutes=1)
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
async def catalogue(tmp_path: Path) -> AsyncIterator[StoredCatalogue]:
    await upgrade(tmp_path / "journal.db")
    store = SqliteStore(tmp_path / "journal.db")
    there = inventory_of({"calculate"}, {"local": ("extractive",)})
    yield StoredCatalogue(SqliteDatabase(store), MinuteClock(), there)
    await store.close()


async def test_seeding_adds_what_is_missing_and_nothing_else(
    catalogue: StoredCatalogue,
) -> None:
    mine = await catalogue.apply("w", PROFILE.replace("reader", "researcher"), filename="r.yaml")
    added = await catalogue.seed("w")
    assert len(added) == 11
    assert "researcher" not in added
    assert await catalogue.seed("w") == []
    assert await catalogue.get("w", "researcher") == mine


async def test_a_new_version_moves_the_channel_and_keeps_the_old_one(catalogue: StoredCatalogue) -> None:
    old = await catalogue.apply("w", PROFILE, filename="p.yaml")
    new = await catalogue.apply("w", PROFILE.replace("Read.", "Read twice."), filename="p.yaml")
    assert await catalogue.get("w", "reader") == new
    assert await catalogue.get("w", old.ref()) == old
    assert list(await catalogue.list_versions("w", "reader")) == [new, old]


async def test_a_new_agent_comes_after_those_that_are_known_whatever_its_name(
    catalogue: StoredCatalogue,
) -> None:
    await catalogue.seed("w")
    before = [agent.name for agent in await catalogue.list("w")]
    await catalogue.apply("w", PROFILE.replace("reader", "aardvark"), filename="a.yaml")
    await catalogue.apply("w", PROFILE.replace("reader", "analyst"), filename="b.yaml")
    assert [agent.name for agent in await catalogue.list("w")] == [*before, "aardvark"]


async def test_applying_an_old_text_again_is_the_old_version(catalogue: StoredCatalogue) -> None:
    old = await catalogue.apply("w", PROFILE, filename="p.yaml")
    await catalogue.apply("w", PROFILE.replace("Read.", "Read twice."), filename="p.yaml")
    assert await catalogue.apply("w", PROFILE, filename="q.yaml") == old
    assert await catalogue.get("w", "reader") == old
    assert len(await catalogue.list_versions("w", "reader")) == 2


async def test_a_workspace_sees_its_own_agents_only(catalogue: StoredCatalogue) -> None:
    agent = await catalogue.apply("w", PROFILE, filename="p.yaml")
    assert await catalogue.list("other") == []
    for ref in ("reader", agent.ref()):
        with pytest.raises(NotFound, match="reader"):
            await catalogue.get("other", ref)
    with pytest.raises(NotFound, match="reader"):
        await catalogue.list_versions("other", "reader")


async def test_a_faulty_profile_stores_nothing(catalogue: StoredCatalogue) -> None:
    with pytest.raises(ProfileInvalid, match=r"p\.yaml:4"):
        await catalogue.apply("w", PROFILE.replace("summary: Reads.", "summary: 3"), filename="p.yaml")
    assert await catalogue.list("w") == []


async def test_a_profile_that_names_what_is_not_there_is_not_stored(catalogue: StoredCatalogue) -> None:
    with pytest.raises(ProfileInvalid, match="did you mean 'calculate'"):
        await catalogue.apply("w", PROFILE + "tools: [calcuate]\n", filename="p.yaml")
    assert await catalogue.list("w") == []


async def test_a_removed_agent_is_gone_for_new_runs_and_its_versions_stay(catalogue: StoredCatalogue) -> None:
    agent = await catalogue.apply("w", PROFILE, filename="p.yaml")
    await catalogue.apply("other", PROFILE, filename="p.yaml")
    await catalogue.remove("w", "reader")
    assert await catalogue.list("w") == []
    with pytest.raises(NotFound):
        await catalogue.get("w", "reader")
    assert await catalogue.get("w", agent.ref()) == agent
    assert await catalogue.get("other", "reader") == agent, "another workspace keeps its own"
    with pytest.raises(NotFound):
        await catalogue.remove("w", "reader")
    assert await catalogue.apply("w", PROFILE, filename="p.yaml") == agent
    assert await catalogue.get("w", "reader") == agent


async def test_an_agent_that_ships_cannot_be_removed(catalogue: StoredCatalogue) -> None:
    await catalogue.seed("w")
    with pytest.raises(Conflict, match="ships with Flowmatik"):
        await catalogue.remove("w", "writer")
    assert await catalogue.get("w", "writer")


async def test_the_profile_comes_back_as_it_was_written(catalogue: StoredCatalogue) -> None:
    text = "# why it is there\n" + PROFILE
    agent = await catalogue.apply("w", text, filename="p.yaml")
    assert await catalogue.profile("w", "reader") == await catalogue.profile("w", agent.ref()) == text
