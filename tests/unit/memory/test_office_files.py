import io
import zipfile
from collections.abc import Callable
from datetime import date
from typing import Any, cast

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches

from flowmatik.kernel.errors import DocumentError
from tests.unit.memory.reading import opendocument, passage_with, passages, read

SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook(rows: list[list[object]], title: str = "Stock") -> bytes:
    book = openpyxl.Workbook()
    sheet = cast("Any", book.active)
    sheet.title = title
    for row in rows:
        sheet.append(row)
    return saved(book)


def saved(document: Any) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def with_part(package: bytes, name: str, content: bytes) -> bytes:
    """The package with one part written anew."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(package)) as before,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for entry in before.namelist():
            if entry != name:
                after.writestr(entry, before.read(entry))
        after.writestr(name, content)
    return buffer.getvalue()


def test_a_sheet_is_a_table_whose_header_is_said_in_each_passage_with_its_rows_as_lines() -> None:
    rows: list[list[object]] = [["Model", "Price", "Since", "Sold out"]]
    rows += [list[object]([f"Garza {n}", n + 0.5, date(2026, 1, 1 + n % 28), n % 2 == 0]) for n in range(100)]
    prepared = read("stock.xlsx", workbook(rows))
    found = passages(prepared)
    assert len(found) > 3
    assert all(text.startswith("| Model | Price | Since | Sold out |\n") for text in found)
    row = passage_with(prepared, "| Garza 42 | 42.5 | 2026-01-15 | TRUE |")
    assert row.heading == "Stock"
    assert row.lines is not None
    assert row.lines[1] >= 44
    assert sum(text.count("Garza 42 ") for text in found) == 1


def test_a_formula_shows_the_value_that_was_saved_with_it_and_hidden_sheets_are_not_read() -> None:
    book = openpyxl.Workbook()
    sheet = cast("Any", book.active)
    for row in (["Item", "Sum"], ["Oars", "=2+3"]):
        sheet.append(row)
    book.create_sheet("Secret").append(["hidden words"])
    book["Secret"].sheet_state = "hidden"
    data = saved(book)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        part = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>2+3</f><v />" in part or b"<f>2+3</f><v/>" in part or b"<f>2+3</f><v></v>" in part
    reckoned = part.replace(b"<f>2+3</f><v />", b"<f>2+3</f><v>5</v>").replace(
        b"<f>2+3</f><v></v>", b"<f>2+3</f><v>5</v>"
    )
    text = read("a.xlsx", with_part(data, "xl/worksheets/sheet1.xml", reckoned)).record.text
    assert "| Oars | 5 |" in text
    assert "hidden" not in text


def test_captions_and_tables_parted_by_empty_rows_are_told_apart() -> None:
    rows: list[list[object]] = [
        ["Prices of spring"], ["Model", "Price"], ["Garza", 9], [], ["Lince", 12], [], ["City", "Shop"],
        ["Lugo", "A"],
    ]  # fmt: skip
    text = read("a.xlsx", workbook(rows)).record.text
    assert text == (
        "Stock\n\nPrices of spring\n\n| Model | Price |\n| Garza | 9 |\n\n| Model | Price |\n| Lince | 12 |"
        "\n\n| City | Shop |\n| Lugo | A |"
    )


def test_slides_are_pages_with_title_texts_tables_and_notes() -> None:
    deck = pptx.Presentation()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        cast("Any", slide.shapes.title).text = f"Plan {number}"
        box = slide.shapes.add_textbox(Inches(1), Inches(4), Inches(4), Inches(1))
        box.text_frame.text = f"The boat leaves at {number} o'clock."
        frame = slide.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1))
        for at, value in enumerate(("Pier", "Time", f"North {number}", "Noon")):
            cast("Any", frame).table.cell(at // 2, at % 2).text = value
        cast("Any", slide.notes_slide.notes_text_frame).text = f"Say it slowly, {number}."
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    cast("Any", hidden.shapes.title).text = "Nobody sees this"
    cast("Any", hidden).element.set("show", "0")
    prepared = read("plan.pptx", saved(deck))
    said = passage_with(prepared, "leaves at 2")
    assert (said.page, said.heading) == (2, "Plan 2")
    assert passages(prepared)[1] == (
        "| Pier | Time |\n| North 2 | Noon |\n\nThe boat leaves at 2 o'clock.\n\nSay it slowly, 2."
    )
    assert prepared.record.title == "Plan 1"
    assert "Nobody" not in prepared.record.text


def test_a_word_document_gives_its_header_footnotes_and_long_tables_with_their_header() -> None:
    document = docx.Document()
    cast("Any", document.sections[0].header.paragraphs[0]).text = "Version: 3.2"
    cast("Any", document.sections[0].footer.paragraphs[0]).text = "Confidential of Lugo"
    document.add_heading("Rates", 1)
    document.add_paragraph("Rates are per day.")
    table = document.add_table(rows=80, cols=2)
    for at, row in enumerate(table.rows):
        row.cells[0].text, row.cells[1].text = ("Boat", "Rate") if at == 0 else (f"Boat {at}", f"{at} EUR")
    prepared = read("rates.docx", saved(document))
    assert prepared.record.version == "3.2"
    assert "Confidential of Lugo" in prepared.record.text
    tables = [text for text in passages(prepared) if "| Boat " in text]
    assert len(tables) > 2
    assert all("| Boat | Rate |\n" in text for text in tables)


def test_an_opendocument_text_is_read_with_headings_lists_and_tables() -> None:
    namespaces = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{short}:1.0"'
        for short in ("office", "text", "table")
    )
    content = (
        f"<office:document-content {namespaces}><office:body><office:text>"
        '<text:h text:outline-level="1">Mareas</text:h><text:p>La marea<text:s/>sube '
        "<text:span>dos</text:span> veces.</text:p><text:list><text:list-item>"
        "<text:p>pleamar</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Hora</text:p></table:table-cell>"
        "<table:table-cell><text:p>Altura</text:p></table:table-cell></table:table-row></table:table>"
        "</office:text></office:body></office:document-content>"
    )
    prepared = read("mareas.odt", opendocument(content))
    assert prepared.record.text == "Mareas\n\nLa marea sube dos veces.\n\n- pleamar\n\n| Hora | Altura |"
    assert (prepared.record.title, prepared.record.chunks[0].heading) == ("Mareas", "Mareas")


PACKAGES = {
    "a.xlsx": (workbook([["Model", "Price"], ["Garza", 9]]), "xl/worksheets/sheet1.xml"),
    "a.pptx": (saved(pptx.Presentation()), "ppt/presentation.xml"),
    "a.docx": (saved(docx.Document()), "word/document.xml"),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_an_xml_bomb_is_refused_before_it_goes_off(name: str) -> None:
    package, part = PACKAGES[name]
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    for encoding in ("utf-8", "utf-16"):
        bomb = f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><a>&l9;</a>'.encode(encoding)
        with pytest.raises(DocumentError) as caught:
            read(name, with_part(package, part, bomb))
        assert (caught.value.code, caught.value.context) == ("document.entities", {"part": part})


Damage = Callable[[bytes, str], bytes]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "bomb": (lambda data, part: with_part(data, part, b" " * (60 << 20)), "document.too_large"),
    "broken": (lambda data, part: with_part(data, part, b"<broken"), "document.unreadable"),
    "cut": (lambda data, part: data[: len(data) // 2], "document.unreadable"),
    "encrypted": (lambda data, part: b"\xd0\xcf\x11\xe0" + data, "document.encrypted"),
    "empty": (lambda data, part: b"", "document.unreadable"),
}


@pytest.mark.parametrize("name", PACKAGES)
@pytest.mark.parametrize("kind", DAMAGES)
def test_a_bad_office_file_is_told_by_its_code(name: str, kind: str) -> None:
    damage, code = DAMAGES[kind]
    with pytest.raises(DocumentError) as caught:
        read(name, damage(*PACKAGES[name]))
    assert caught.value.code == code


def test_a_sheet_that_claims_a_million_rows_costs_only_those_that_it_has() -> None:
    package, part = PACKAGES["a.xlsx"]
    sheet = (
        f'<worksheet xmlns="{SHEET}"><dimension ref="A1:XFD1048576"/><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>Only</t></is></c></row>'
        '<row r="1048576"><c r="B1048576" t="inlineStr"><is><t>far away</t></is></c></row>'
        "</sheetData></worksheet>"
    ).encode()
    prepared = read("a.xlsx", with_part(package, part, sheet))
    assert prepared.record.text == "Stock\n\n| Only |\n\n|  | far away |"
    assert prepared.record.lines[-1][1] == 1048576
