"""A person who is forgotten is in no byte of the home and in no row of the database."""

import asyncio
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from flowmatik.app.settings import Settings, load_settings
from flowmatik.app.wiring import Platform, open_platform
from flowmatik.contracts.facts import NewFact, Origin, Support
from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.contracts.models import ModelReply, Usage
from flowmatik.contracts.sources import NewSource
from flowmatik.integrations.layers.answers import StoredAnswers
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import NotFound
from flowmatik.memory.facts import Viewer
from tests import canaries
from tests.canaries import Place
from tests.contracts.sources.archives import packed
from tests.contracts.stores import BOTH, opened

NAME = "Eulalia Zumárraga"
MARKS = ("eulalia", "zumarraga", "zum\\u00e1rraga", "zum%c3%a1rraga")


def naming(places: list[Place]) -> list[str]:
    found: list[str] = []
    for place in places:
        text = unicodedata.normalize("NFD", place.content.decode(errors="replace")).casefold()
        plain = "".join(sign for sign in text if not unicodedata.combining(sign))
        found += [place.name] if any(mark in plain for mark in MARKS) else []
    return sorted(set(found))


async def everything(settings: Settings) -> list[Place]:
    places = await asyncio.to_thread(lambda: list(canaries.files(settings.home)))
    if settings.database_url:
        places += [place async for place in canaries.tables(settings.database_url)]
    return places


async def synced(platform: Platform) -> None:
    report = await platform.sources.sync(platform.principal, "people")
    async with asyncio.timeout(60):
        while report.status == "running":
            await asyncio.sleep(0.05)
            report = await platform.sources.report(platform.principal, "people", report.id)
    assert report.status == "done", report


async def filled(platform: Platform, folder: Path) -> None:
    """An upload, a source with a document and a dead letter, facts, and a kept answer."""
    settings = platform.settings
    settings.uploads.mkdir(parents=True, exist_ok=True)
    upload = settings.uploads / "eulalia.md"
    upload.write_text(f"# Staff\n\n{NAME} joined in 2019.", encoding="utf-8")
    assert [step.outcome async for step in platform.memory.ingest("default", [upload])] == ["added"]
    (folder / "pay.md").write_text(f"# Pay\n\n{NAME} is paid by the keeper.", encoding="utf-8")
    (folder / "pump.md").write_text("# Pump\n\nThe pump of the keeper is blue.", encoding="utf-8")
    (folder / f"{NAME}.pdf").write_text("this is no PDF", encoding="utf-8")
    new = NewSource(name="people", kind="folder", settings={"path": str(folder)})
    await platform.sources.add(platform.principal, new)
    await synced(platform)
    for subject, value in ((NAME, "2000"), ("the keeper", f"friend of {NAME}"), ("the keeper", "blue eyes")):
        new_fact = NewFact(subject=subject, predicate=f"of {value[-4:]}", value=value)
        await platform.facts.add(platform.principal, new_fact)
    reply = ModelReply(text=f"It was {NAME}.", tool_calls=(), usage=Usage(), cost_micros=0, model="m")
    async with opened(settings.database_url, settings.data, role="flowmatik_engine") as database:
        await StoredAnswers(database, SystemClock()).put("default", "key", reply, seconds=3600)
        other = replace(reply, text="It was somebody else.")
        await StoredAnswers(database, SystemClock()).put("default", "other", other, seconds=3600)


def made_home(home: Path, url: str) -> Settings:
    (home / "flowmatik.toml").write_text("[embeddings]\nenabled = false\n")
    (home / ".flowmatik").mkdir(mode=0o700)
    return load_settings(home, {"FLOWMATIK_DATABASE_URL": url} if url else {})


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("pg_migrated")) if request.param == "postgres" else ""


async def test_a_person_is_in_no_byte_and_in_no_row(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, url: str
) -> None:
    settings = made_home(tmp_path, url)
    async with open_platform(settings, recover_all=True) as platform:
        await filled(platform, tmp_path_factory.mktemp("people"))
        assert len(naming(await everything(settings))) >= 2, "it is found where it is"
        asked = ErasureRequest(subject=(NAME,))
        plan = await platform.memory_care.forget("default", asked, by="", rehearse=True)
        done = await platform.memory_care.forget("default", asked, by=platform.principal.id)
        assert done.purged
        counted = {
            name: done.counts[name] for name in ("documents", "facts", "source_entries", "model_answers")
        }
        assert counted == {"documents": 2, "facts": 2, "source_entries": 2, "model_answers": 2}
        assert plan.counts["model_answers"] == 2
        await synced(platform)
        left = await everything(settings)
    assert naming(left) == []
    assert naming(await everything(settings)) == []
    assert any(b"keeper" in place.content for place in left), "what is kept is looked at"


async def derived(platform: Platform) -> None:
    """Facts of documents: of one of hers alone, of hers and another one, of another one; and one that a
    person said over hers."""
    of = {one.source.rpartition("/")[2]: one.id for one in await platform.memory.documents("default")}
    pay, upload, pump = (
        Support(kind="document", ref=of[name]) for name in ("pay.md", "eulalia.md", "pump.md")
    )
    (passage,) = [
        one.id for one in await platform.memory.search("default", "joined in 2019") if "joined" in one.text
    ]
    facts, viewer = platform.remembered.facts, Viewer(person="usr_1")
    for value, supports, origin in (
        ("paid", (pay,), Origin.DOCUMENT),
        ("since 2019", (Support(kind="chunk", ref=passage),), Origin.MODEL),
        ("both hers", (pay, upload), Origin.AGENT),
        ("both", (pay, pump), Origin.AGENT),
        ("pump", (pump,), Origin.DOCUMENT),
        ("said", (pay,), Origin.PERSON),
    ):
        new = NewFact(subject="the keeper", predicate=f"of {value}", value=value, supports=supports)
        await facts.learn("default", new, viewer=viewer, origin=origin)


async def test_a_rehearsal_says_what_the_certificate_says(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, url: str
) -> None:
    settings = made_home(tmp_path, url)
    folder = tmp_path_factory.mktemp("people")
    async with open_platform(settings, recover_all=True) as platform:
        await filled(platform, folder)
        await derived(platform)
        for asked, facts in (
            (ErasureRequest(document="eulalia.md"), 1),
            (ErasureRequest(subject=(NAME,)), 2 + 2),
            (ErasureRequest(source="people"), 2),
        ):
            plan = await platform.memory_care.forget("default", asked, by="me", rehearse=True)
            done = await platform.memory_care.forget("default", asked, by="me")
            assert plan.counts["facts"] == facts
            assert (plan.counts, plan.outside, plan.naming, plan.hashes) == (
                done.counts,
                done.outside,
                done.naming,
                done.hashes,
            )


def exported(kind: str, place: Path, files: dict[str, str]) -> Path:
    """As a folder, or as an archive of Drive, whose files are copied into the home."""
    if kind == "drive":
        return packed(place / "drive.zip", {f"Takeout/Drive/{name}": text for name, text in files.items()})
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


@pytest.mark.parametrize("kind", ["folder", "drive"])
@pytest.mark.parametrize("asked", ["source", "document"])
async def test_a_source_or_a_document_is_in_no_byte_and_in_no_row(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, url: str, asked: str, kind: str
) -> None:
    settings = made_home(tmp_path, url)
    files = {"eulalia.md": f"# Pay\n\n{NAME} is paid.", "pump.md": "# Pump\n\nThe keeper is blue."}
    if asked == "source":
        files |= {f"{NAME}.pdf": f"{NAME}: this is no PDF", f"{NAME}.json": f"{NAME}: no JSON"}
    place = exported(kind, tmp_path_factory.mktemp("given"), files)
    async with open_platform(settings, recover_all=True) as platform:
        new = NewSource(name="people", kind=kind, settings={"path": str(place)})
        await platform.sources.add(platform.principal, new)
        await synced(platform)
        reply = ModelReply(text=f"It was {NAME}.", tool_calls=(), usage=Usage(), cost_micros=0, model="m")
        async with opened(settings.database_url, settings.data, role="flowmatik_engine") as database:
            await StoredAnswers(database, SystemClock()).put("default", "key", reply, seconds=3600)
        assert len(naming(await everything(settings))) >= 2, "it is found where it is"
        (document,) = [
            one.source for one in await platform.memory.documents("default") if "eulalia" in one.source
        ]
        request = ErasureRequest(source="people") if asked == "source" else ErasureRequest(document=document)
        with pytest.raises(NotFound):
            await platform.memory_care.forget("default", ErasureRequest(source="nothing"), by="")
        plan = await platform.memory_care.forget("default", request, by="", rehearse=True)
        done = await platform.memory_care.forget("default", request, by=platform.principal.id)
        assert done.purged
        entries = {"source": 4, "document": 1}[asked]
        for told in (plan, done):  # all answers go, but not for something that is not there
            assert (told.counts["source_entries"], told.counts["model_answers"]) == (entries, 1)
        if asked == "source":
            assert plan.counts["source_syncs"] == 1
            assert [(one.kind, one.count) for one in plan.naming] == [("sources", 1)]
            assert await platform.memory.documents("default") == []
        await synced(platform)
        left = await everything(settings)
    assert naming(left) == []
    assert naming(await everything(settings)) == []
    assert any(b"people" in place.content for place in left), "what is kept is looked at"


async def test_conversations_that_name_the_person_are_said_to_be_out_of_reach(
    tmp_path: Path, url: str
) -> None:
    settings = made_home(tmp_path, url)
    said = (
        "INSERT INTO thread_messages (workspace_id, thread_id, number, role, code, author, text, at, key,"
        " turn, run_id) VALUES ('default', 'thr_1', $1, 'user', '', 'usr_1', $2, '', $3, 0, '')"
    )
    asked = ErasureRequest(subject=(NAME,))
    async with (
        open_platform(settings, recover_all=True) as platform,
        opened(url, settings.data, role="flowmatik_engine") as database,
    ):

        async def outside() -> tuple[str, ...]:
            await platform.facts.add(platform.principal, NewFact(subject=NAME, predicate="pay", value="1"))
            return (await platform.memory_care.forget("default", asked, by=platform.principal.id)).outside

        assert "threads" not in await outside()
        await database.within("default").transaction([(said, (1, f"Who is {NAME}?", "k"))])
        assert "threads" in await outside()
