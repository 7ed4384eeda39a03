from pathlib import Path
from typing import Any, cast

import docx
import pytest
from fpdf import FPDF

from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.sqlite import connect
from flowmatik.memory import StoredMemory, build_memory, load_embedder
from tests.integration.memory.support import StandingClock, WordEmbedder, best, ingest

SPANISH = """# Normas de viaje

Versión: 2.0
Vigente desde: 2026-03-01
Sustituye a: viaje-2024.md

## Kilometraje

La empresa paga 0,31 euros por kilómetro cuando se usa el coche propio.

## Dietas

La cena se paga hasta 28 euros con su factura.
"""
ENGLISH = """# Library rules

Effective from: 2025-05-01

## Lending

Books are lent for three weeks and may be renewed twice.

## Fines

A late volume costs ten cents a day.
"""


@pytest.fixture
async def library(memory: StoredMemory, folder: Path) -> StoredMemory:
    (folder / "viaje-2026.md").write_text(SPANISH, encoding="utf-8")
    (folder / "viaje-2024.md").write_text("# Normas viejas\n\nVigente desde: 2024-01-01\n", encoding="utf-8")
    (folder / "library.md").write_text(ENGLISH, encoding="utf-8")
    await ingest(memory, folder)
    return memory


async def test_a_spanish_question_finds_its_passage_with_all_that_a_citation_needs(
    library: StoredMemory,
) -> None:
    found = await best(library, "¿Cuánto pagan por los kilómetros con coche propio?")
    assert (found.source, found.heading) == ("viaje-2026.md", "Normas de viaje > Kilometraje")
    assert found.text == "La empresa paga 0,31 euros por kilómetro cuando se usa el coche propio."
    assert SPANISH[found.start : found.end] == found.text
    assert found.lines == (9, 9)
    assert (found.language, found.effective, found.title) == ("es", "2026-03-01", "Normas de viaje")
    assert found.replaces == ("viaje-2024.md",)
    assert dict(found.scores).keys() >= {"bm25", "dense", "coverage", "close", "graph", "outstanding"}


async def test_an_english_question_finds_inflected_words(library: StoredMemory) -> None:
    found = await best(library, "How long is a book lent and can I renew it?")
    assert found.heading == "Library rules > Lending"
    assert found.language == "en"


async def test_accents_and_capitals_do_not_matter(library: StoredMemory) -> None:
    assert (await best(library, "KILOMETRO")).heading.endswith("Kilometraje")


async def test_sources_restrict_to_names_and_folders(memory: StoredMemory, folder: Path) -> None:
    for name in ("a", "ab"):
        (folder / name).mkdir()
        (folder / name / "x.md").write_text(f"# X\n\nShared word in {name}.", encoding="utf-8")
    await ingest(memory, folder)
    assert len(await memory.search("default", "shared")) == 2
    assert [p.source for p in await memory.search("default", "shared", sources=["a"])] == ["a/x.md"]
    assert [p.source for p in await memory.search("default", "shared", sources=["ab/x.md"])] == ["ab/x.md"]
    assert await memory.search("default", "shared", sources=["nothing"]) == []


async def test_the_limit_is_kept_and_checked(library: StoredMemory) -> None:
    assert len(await library.search("default", "la empresa books euros", limit=2)) == 2
    with pytest.raises(InvalidInput):
        await library.search("default", "x", limit=0)
    assert await library.search("default", "   ") == []
    assert await library.search("default", "¿?!") == []


async def test_without_an_embedder_search_is_full_text_and_the_status_says_so(
    tmp_path: Path, folder: Path
) -> None:
    (folder / "viaje.md").write_text(SPANISH, encoding="utf-8")
    memory = build_memory(tmp_path / "m.db", embedder=None, clock=StandingClock())
    await ingest(memory, folder)
    assert (await best(memory, "kilómetro")).heading.endswith("Kilometraje")
    status = await memory.status("default")
    assert (status.embedding_model, status.embedded, status.chunks) == ("", 0, 3)
    assert await memory.search("default", "zanahoria") == []
    await memory.close()


async def test_a_query_goes_on_in_full_text_when_the_embedder_is_down(
    library: StoredMemory, embedder: WordEmbedder
) -> None:
    embedder.down = True
    found = await best(library, "kilómetro")
    assert dict(found.scores)["dense"] == 0.0


async def test_meaning_finds_what_words_do_not(tmp_path: Path, folder: Path) -> None:
    (folder / "library.md").write_text(ENGLISH, encoding="utf-8")
    embedder = load_embedder()
    assert embedder is not None
    memory = build_memory(tmp_path / "m.db", embedder=embedder, clock=StandingClock())
    await ingest(memory, folder)
    assert (await best(memory, "overdue penalty charge")).heading == "Library rules > Fines"
    await memory.close()


async def test_a_search_sees_a_change_at_once(library: StoredMemory, folder: Path) -> None:
    await best(library, "kilómetro")
    (folder / "new.md").write_text("# N\n\nKilómetro kilómetro.", encoding="utf-8")
    await ingest(library, folder / "new.md")
    assert (await best(library, "kilómetro")).source == "new.md"


async def test_a_quote_is_located_by_its_exact_line(library: StoredMemory) -> None:
    passage = await best(library, "kilómetro coche")
    quote = await library.locate("default", passage.id, "0,31 euros por kilómetro")
    assert quote is not None
    assert (quote.text, quote.lines) == ("0,31 euros por kilómetro", (9, 9))
    assert SPANISH[quote.start : quote.end] == quote.text


async def test_a_quote_from_elsewhere_in_the_document_is_located_there(library: StoredMemory) -> None:
    passage = await best(library, "kilómetro coche")
    quote = await library.locate("default", passage.id, "hasta 28 euros")
    assert quote is not None
    assert (quote.heading, quote.lines) == ("Normas de viaje > Dietas", (13, 13))


@pytest.mark.parametrize("quote", ["0,32 euros por kilómetro", "0,31 Euros", "", "  ", "three weeks"])
async def test_what_is_not_there_verbatim_is_not_located(library: StoredMemory, quote: str) -> None:
    passage = await best(library, "kilómetro coche")
    assert await library.locate("default", passage.id, quote) is None


async def test_a_quote_over_broken_lines_has_the_lines_of_the_source(
    memory: StoredMemory, folder: Path
) -> None:
    (folder / "a.txt").write_text(
        "TITLE\n\nThe answer\nis forty\r\ntwo. More.\n", encoding="utf-8", newline=""
    )
    await ingest(memory, folder)
    passage = await best(memory, "forty")
    quote = await memory.locate("default", passage.id, "answer is forty two.")
    assert quote is not None
    assert (quote.text, quote.lines) == ("answer\nis forty\ntwo.", (3, 5))


async def test_pdf_passages_carry_their_page(memory: StoredMemory, folder: Path) -> None:
    pdf = FPDF()
    for number, text in enumerate(
        ("The first page speaks of apples.", "The second speaks of pears."), start=1
    ):
        pdf.add_page()
        pdf.set_font("Helvetica", size=11)
        cast("Any", pdf).multi_cell(
            0, 6, f"Fruit report\n\n{number}. Chapter\n\n{text}\n\nPage {number} of 2"
        )
    pdf.output(str(folder / "fruit.pdf"))
    await ingest(memory, folder)
    found = await best(memory, "pears")
    assert (found.page, found.lines, found.heading) == (2, None, "2. Chapter")
    assert "Page" not in found.text
    quote = await memory.locate("default", found.id, "second speaks of pears")
    assert quote is not None
    assert quote.page == 2


async def test_word_documents_keep_headings_and_tables(memory: StoredMemory, folder: Path) -> None:
    document = docx.Document()
    document.add_heading("Contrato", level=0)
    document.add_heading("Precio", level=1)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        (c for row in table.rows for c in row.cells), ("Pieza", "Euros", "Rueda", "45"), strict=True
    ):
        cell.text = text
    document.save(str(folder / "c.docx"))
    await ingest(memory, folder)
    found = await best(memory, "rueda")
    assert (found.heading, found.text) == ("Contrato > Precio", "| Pieza | Euros |\n| Rueda | 45 |")
    assert (found.lines, found.page) == (None, None)


async def test_tables_are_listed_and_a_csv_is_found_by_its_columns(
    memory: StoredMemory, folder: Path, tmp_path: Path
) -> None:
    rows = "\n".join(f"{i},2026-01-0{i % 9 + 1},norte,{i}" for i in range(50))
    (folder / "ventas.csv").write_text(f"sale_id,sale_date,region,units_sold\n{rows}\n", encoding="utf-8")
    connection = connect(folder / "shop.sqlite")
    connection.execute("CREATE TABLE customers (id)")
    connection.execute("CREATE TABLE sales (id)")
    connection.close()
    (folder / "p.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    await ingest(memory, folder)
    listed = [(t.name, t.format, t.table) for t in await memory.tables("default")]
    assert listed == [
        ("p.parquet", "parquet", ""),
        ("shop.sqlite", "sqlite", "customers"),
        ("shop.sqlite", "sqlite", "sales"),
        ("ventas.csv", "csv", ""),
    ]
    found = await best(memory, "units sold by region")
    assert (found.source, found.lines) == ("ventas.csv", (1, 7))
    (folder / "ventas.csv").unlink()
    assert "ventas.csv" not in [t.name for t in await memory.tables("default")]


@pytest.mark.parametrize("question", ["late volume", "¿cuánto paga la empresa por kilómetro?", "zzz unheard"])
async def test_a_search_among_some_documents_is_that_of_a_memory_with_nothing_else(
    library: StoredMemory, tmp_path: Path, question: str
) -> None:
    alone = build_memory(tmp_path / "alone.db", embedder=WordEmbedder(), clock=StandingClock())
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "library.md").write_text(ENGLISH, encoding="utf-8")
    await ingest(alone, tmp_path / "one")
    among = await library.search("default", question, sources=["library.md"])
    expected = await alone.search("default", question)
    await alone.close()
    assert {found.source for found in among} <= {"library.md"}
    assert [(f.text, round(f.score, 9)) for f in among] == [(f.text, round(f.score, 9)) for f in expected]


async def test_a_folder_stands_for_what_is_below_it_and_an_unknown_name_for_nothing(
    memory: StoredMemory, folder: Path
) -> None:
    for name in ("a/one.md", "a/b/two.md", "ab/three.md"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# T\n\nThe kettle of {name} sings.\n", encoding="utf-8")
    (folder / "a" / "t.csv").write_text("kettle,n\nx,1\n", encoding="utf-8")
    (folder / "u.csv").write_text("kettle,n\nx,1\n", encoding="utf-8")
    await ingest(memory, folder)
    found = {p.source for p in await memory.search("default", "kettle", limit=50, sources=["a/"])}
    assert found == {"a/one.md", "a/b/two.md", "a/t.csv"}
    assert await memory.search("default", "kettle", sources=["nowhere"]) == []
    assert [t.name for t in await memory.tables("default", sources=["a"])] == ["t.csv"]
    assert len(await memory.tables("default")) == 2
    named = ["a", "a/", "a/b", "a/one.md", "a/t.csv", "u.csv"]
    unknown = ["nowhere", "a/o", "b", "u", "", "/", "a/one.md/x"]
    assert await memory.missing("default", named + unknown) == unknown
    assert await memory.missing("other", ["a"]) == ["a"]


async def test_what_was_replaced_brings_what_replaces_it(memory: StoredMemory, folder: Path) -> None:
    old = "# Tarifas 2024\n\n## Amarre\n\nEl amarre de barcas cuesta 9 euros.\n"
    new = "# Tarifas 2025\n\nSustituye a: tarifas-2024.md\n\n## Amarre\n\nEl amarre cuesta 11 euros.\n\n"
    for name, text in {"tarifas-2024.md": old, "tarifas-2025.md": new + "## Luz\n\nLa luz, 3.\n"}.items():
        (folder / name).write_text(text, encoding="utf-8")
    for n in range(9):
        (folder / f"barca-{n}.md").write_text(f"# Barca {n}\n\nEl amarre de barcas.\n", encoding="utf-8")
    await ingest(memory, folder)
    (found,) = await memory.search("default", "¿Cuánto cuesta el amarre de barcas?", limit=1)
    assert (found.source, found.text) == ("tarifas-2025.md", "El amarre cuesta 11 euros.")
