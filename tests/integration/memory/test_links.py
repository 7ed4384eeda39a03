"""What a search finds because documents name one another."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from flowmatik.contracts.memory import Passage
from flowmatik.memory import StoredMemory, build_memory
from flowmatik.memory.retrieval import Legs, answerable
from tests.integration.memory.support import StandingClock, ingest

LINKED = {
    "zafiro": (
        "Zafiro (engine)",
        "The Zafiro is a small engine for boats. It is made by Talleres Noria since 1962.",
    ),
    "noria": ("Talleres Noria", "The workshop opened in Vigo. Elena Prats founded it with two brothers."),
    "founders": (
        "Founders",
        "A company has founders, and who founded a company is often asked.",
    ),
    "company": ("Company law", "A company is entered in the register by a notary, who keeps its rules."),
    "engines": ("Engine care", "An engine is oiled once a month, and a boat is washed after each trip."),
    "faro": ("Faro de Poniente", "El faro guía a los barcos desde 1890. Lo dibujó Marta Quiroga."),
    "quiroga": ("Marta Quiroga", "Estudió en la Escuela de Oporto y murió en Lugo a los noventa años."),
    "ciudades": ("Ciudades", "¿En qué ciudad murió cada arquitecto? Las ciudades cambian; la ciudad queda."),
    "planos": ("Planos", "Quien dibuja los planos de un edificio los firma en la ciudad donde vive."),
}
FOUNDER = "Who founded the company that makes the Zafiro engine?"
ARCHITECT = "¿En qué ciudad murió quien dibujó el Faro de Poniente?"
APART = {
    "mañana": ("", "La lluvia llega por la tarde y el viento del norte por la noche."),
    "tarde": ("", "El mercado abre por la tarde y vende fruta, pan y queso del norte."),
    "noche": ("", "Por la noche pasa el tren del norte, que lleva fruta al mercado."),
}


def write(folder: Path, documents: Mapping[str, tuple[str, str]]) -> None:
    for name, (title, text) in documents.items():
        head = f"# {title}\n\n" if title else ""
        (folder / f"{name}.md").write_text(f"{head}{text}\n", encoding="utf-8")


def names(found: list[Passage]) -> list[str]:
    return [Path(passage.source).stem for passage in found]


@pytest.fixture
async def linked(tmp_path: Path, folder: Path) -> StoredMemory:
    write(folder, LINKED)
    memory = build_memory(tmp_path / "words.db", embedder=None, clock=StandingClock())
    await ingest(memory, folder)
    return memory


@pytest.mark.parametrize(("question", "needed"), [(FOUNDER, "noria"), (ARCHITECT, "quiroga")])
async def test_a_question_over_two_documents_finds_the_second_one_by_the_link(
    linked: StoredMemory, question: str, needed: str
) -> None:
    without = await linked.search("default", question, limit=3, legs=Legs(graph=False))
    assert needed not in names(without)
    assert needed in names(await linked.search("default", question, limit=3))
    await linked.close()


async def test_a_hit_says_over_what_it_was_reached_and_from_where(linked: StoredMemory) -> None:
    found = await linked.search("default", FOUNDER, limit=3)
    first, second = found[0], found[names(found).index("noria")]
    assert names([first]) == ["zafiro"]
    assert {"words", "title"} <= {reason.kind for reason in first.why}
    (link,) = [reason for reason in second.why if reason.kind == "link"]
    assert (link.entity, link.via) == ("talleres noria", first.id)
    assert dict(second.scores)["graph"] == link.value > 0
    await linked.close()


async def test_where_documents_do_not_name_one_another_links_count_nothing(
    tmp_path: Path, folder: Path
) -> None:
    write(folder, APART)
    memory = build_memory(tmp_path / "apart.db", embedder=None, clock=StandingClock())
    await ingest(memory, folder)
    question = "¿Qué lleva al mercado el tren de la noche?"
    found = await memory.search("default", question)
    assert found == await memory.search("default", question, legs=Legs(graph=False))
    assert not any(reason.kind in ("link", "title") for passage in found for reason in passage.why)
    await memory.close()


async def test_a_link_leads_into_no_other_workspace_and_out_of_no_sources(
    linked: StoredMemory, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other, {name: LINKED[name] for name in ("zafiro", "founders", "company", "engines")})
    await ingest(linked, other, workspace="other")
    theirs = await linked.search("other", FOUNDER)
    assert "noria" not in names(theirs)
    sources = [f"{name}.md" for name in ("zafiro", "founders", "company", "engines")]
    ours = await linked.search("default", FOUNDER, sources=sources)
    assert [(p.source, p.score) for p in ours] == [(p.source, p.score) for p in theirs]
    await linked.close()


async def test_a_link_goes_with_the_document_that_it_leads_to(linked: StoredMemory, folder: Path) -> None:
    (folder / "noria.md").unlink()
    await ingest(linked, folder)
    found = await linked.search("default", FOUNDER)
    assert "noria" not in names(found)
    assert all(reason.entity != "talleres noria" for passage in found for reason in passage.why)
    await linked.close()


async def test_the_same_question_finds_the_same_twice(linked: StoredMemory, tmp_path: Path) -> None:
    again = build_memory(tmp_path / "words.db", embedder=None, clock=StandingClock())
    for question in (FOUNDER, ARCHITECT):
        assert await linked.search("default", question) == await again.search("default", question)
    await linked.close()
    await again.close()


async def test_what_says_the_same_as_another_hit_comes_after_what_says_something_else(
    memory: StoredMemory, folder: Path
) -> None:
    text = "The pump is switched off before its filter is changed, and the valve is closed by hand."
    write(folder, {"a": ("", text), "b": ("", text), "c": ("", "A pump has a filter that lasts a year.")})
    await ingest(memory, folder)
    found = names(await memory.search("default", "When is the filter of the pump changed?", limit=2))
    assert set(found) == {"a", "c"} or set(found) == {"b", "c"}


@pytest.mark.parametrize("question", ["the", "¿?", "😀 😀", "a" * 9000, '"Zafiro', "Talleres\x00Noria"])
async def test_an_odd_question_is_no_error(linked: StoredMemory, question: str) -> None:
    await linked.search("default", question)
    await linked.close()


async def test_a_question_that_nothing_answers_is_less_answerable(linked: StoredMemory) -> None:
    there = answerable(await linked.search("default", "¿Desde cuándo guía el faro a los barcos?"))
    absent = answerable(
        await linked.search("default", "How much does a subscription to the magazine cost a year?")
    )
    assert 0.0 <= absent.score < 0.3 < 0.5 < there.score <= 1.0
    assert {name for name, _ in there.figures} == {"coverage", "close", "bm25_gap"}
    assert answerable([]).score == 0.0
    await linked.close()
