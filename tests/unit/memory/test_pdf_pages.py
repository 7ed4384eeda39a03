import io
from typing import Any, cast

import pypdf
import pytest
from fpdf import FPDF

from flowmatik.kernel.errors import DocumentError
from tests.unit.memory.reading import passage_with, passages, read


def sheet(size: int = 10) -> FPDF:
    pdf = FPDF()
    pdf.add_page()
    pdf.set_font("Helvetica", size=size)
    return pdf


def out(pdf: FPDF) -> bytes:
    return bytes(pdf.output())


def write(pdf: FPDF, text: str, size: int = 10) -> None:
    pdf.set_font("Helvetica", size=size)
    cast("Any", pdf).multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")


def test_columns_are_read_one_after_the_other_between_what_crosses_them() -> None:
    pdf = sheet()
    write(pdf, "A study of the tides of the northern coast and of those who live by them, in two columns", 10)
    left = " ".join(f"Left sentence {n} speaks of the tide." for n in range(30))
    right = " ".join(f"Right sentence {n} speaks of the boats." for n in range(30))
    top = pdf.get_y() + 5
    for x, text in ((10, left), (110, right)):
        pdf.set_xy(x, top if x == 10 else top + 1.7)  # lines that do not meet across the columns
        cast("Any", pdf).multi_cell(85, 5, text)
    text = " ".join(read("a.pdf", out(pdf)).record.text.split())
    assert text.index("A study") < text.index("Left sentence 0")
    assert text.index("Left sentence 29") < text.index("Right sentence 0")
    assert left in text
    assert right in text


def test_tables_are_rows_with_their_cells_and_empty_ones_keep_their_place() -> None:
    pdf = sheet()
    write(pdf, "Prices of the season are these, without tax and without the crew:")
    rows = [("Model", "Price", "Remark")]
    rows += [(f"Boat {n}", f"{n}00 EUR" if n % 3 else "", f"Note {n}") for n in range(1, 8)]
    with pdf.table() as table:
        for cells in rows:
            row = table.row()
            for cell in cells:
                row.cell(cell)
    write(pdf, "Who hires for a week pays six days, as the harbour has always done.")
    prepared = read("a.pdf", out(pdf))
    lines = prepared.record.text.split("\n")
    assert "| Model | Price | Remark |" in lines
    assert "| Boat 4 | 400 EUR | Note 4 |" in lines
    assert "| Boat 3 | | Note 3 |" in lines
    assert lines[0].startswith("Prices")
    assert lines[-1].startswith("Who hires")


def test_a_cell_of_two_lines_is_one_cell() -> None:
    pdf = sheet()
    with pdf.table(col_widths=(30, 50), v_align="TOP") as table:
        long = "A rowing boat for four people and their dog " * 2
        for cells in (("Model", "What it is"), ("Garza", long), ("Lince", "A raft")):
            row = table.row()
            for cell in cells:
                row.cell(cell)
    text = read("a.pdf", out(pdf)).record.text
    assert "| Lince | A raft |" in text
    assert text.count("| Garza |") == 1
    assert "their dog A rowing boat" in " ".join(text.split())


def test_bigger_lines_are_headings() -> None:
    pdf = sheet()
    write(pdf, "Handbook of the Harbour", 24)
    for name in ("Mooring rules", "Leaving rules"):
        write(pdf, name, 14)
        write(pdf, f"The {name.lower()} are few and everybody keeps them, day and night. " * 6)
    prepared = read("a.pdf", out(pdf))
    assert passage_with(prepared, "The leaving rules").heading == "Handbook of the Harbour > Leaving rules"
    assert passages(prepared)[0].startswith("The mooring rules")


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_page_is_read_as_it_is_shown(degrees: int) -> None:
    pdf = sheet()
    write(pdf, "First line of the page, which is rather long.\nSecond line of the page.")
    reader = pypdf.PdfReader(io.BytesIO(out(pdf)))
    writer = pypdf.PdfWriter()
    page = writer.add_page(reader.pages[0])
    page.rotate(degrees)
    page.transfer_rotation_to_content()  # the text is turned
    page.rotate(-degrees)  # and the page turned back
    buffer = io.BytesIO()
    writer.write(buffer)
    assert read("a.pdf", buffer.getvalue()).record.text == (
        "First line of the page, which is rather long.\nSecond line of the page."
    )


def test_a_font_that_does_not_say_its_characters_is_no_text() -> None:
    names = b"/" + b"/".join(b"g%d" % n for n in range(1, 27))
    glyphs = b"".join(b"/g%d 5 0 R" % n for n in range(1, 27))
    stream = b"BT /F1 12 Tf 50 700 Td (abcdefghij klmnop qrstuv) Tj ET"
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 6 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Length 30>>stream\n1000 0 0 0 750 750 d1 0 0 9 9 re f\nendstream",
        b"<</Type/Font/Subtype/Type3/FontBBox[0 0 750 750]/FontMatrix[0.001 0 0 0.001 0 0]/FirstChar 1"
        b"/LastChar 26/Widths[%s]/CharProcs<<%s>>/Encoding<</Type/Encoding/Differences[1%s]>>>>"
        % (b"750 " * 26, glyphs, names),
    ]
    stream_bytes = bytes(range(1, 27))
    parts[3] = b"<</Length %d>>stream\nBT /F1 12 Tf 50 700 Td <%s> Tj ET\nendstream" % (
        28 + len(stream_bytes) * 2, stream_bytes.hex().encode(),
    )  # fmt: skip
    data, places = b"%PDF-1.7\n", list[int]()
    for number, part in enumerate(parts, start=1):
        places.append(len(data))
        data += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(data)
    with pytest.raises(DocumentError) as caught:
        read("a.pdf", data + b"xref\n0 7\n0000000000 65535 f \n" + table + end)
    assert caught.value.code == "document.no_text"
    assert "fonts" in caught.value.message


@pytest.mark.parametrize("keep", [0, 8, 100, 700])
def test_a_cut_pdf_is_unreadable_or_read_but_never_a_crash(keep: int) -> None:
    pdf = sheet()
    write(pdf, "Some words.")
    with pytest.raises(DocumentError) as caught:
        read("a.pdf", out(pdf)[:keep])
    assert caught.value.code in {"document.unreadable", "document.no_text"}
