"""Links of the formats that are no pages and no Word documents stand where their words do."""

from email.message import EmailMessage

import pytest
from fpdf import FPDF
from fpdf.enums import XPos, YPos

from flowmatik.memory.linking import MOST_LINKS
from tests.unit.memory.reading import opendocument, read

Found = list[tuple[str, str]]


def links_in(name: str, data: bytes | str) -> Found:
    record = read(name, data.encode() if isinstance(data, str) else data).record
    return [(record.text[start:end], target) for start, end, target in record.links]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see link:b.html[the page].", [("link:b.html[the page]", "b.html")]),
        ("see xref:sub/b.adoc#part[it].", [("xref:sub/b.adoc#part[it]", "sub/b.adoc#part")]),
        ("see xref:b#part[].", [("xref:b#part[]", "b.adoc#part")]),
        ("see <<b.adoc#part,the part>>.", [("<<b.adoc#part,the part>>", "b.adoc#part")]),
        ("see https://example.org/x[X].", [("https://example.org/x[X]", "https://example.org/x")]),
        ("|===\n| link:b.adoc[in a table]\n|===", [("link:b.adoc[in a table]", "b.adoc")]),
        ("<<part>> xref:part[x] `link:b[x]` \\link:b[x]", []),
        ("----\nlink:b.adoc[in a listing]\n----", []),
    ],
)
def test_links_of_asciidoc(text: str, found: Found) -> None:
    assert links_in("a.adoc", f"= Title\n\n{text}\n") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`a page <b.rst>`_, `it <c.md>`__.", [("`a page <b.rst>`_", "b.rst"), ("`it <c.md>`__", "c.md")]),
        ("see `The Page`_ and Other_.\n\n.. _the page: b.rst\n.. _Other: https://example.org/x",
         [("`The Page`_", "b.rst"), ("Other_", "https://example.org/x")]),
        ("see `it <page_>`_.\n\n.. _page: b.rst", [("`it <page_>`_", "b.rst")]),
        (":doc:`/g/b` :doc:`it <../b>`", [(":doc:`/g/b`", "/g/b.rst"), (":doc:`it <../b>`", "../b.rst")]),
        ("a_b is_ no `nothing`_ ``code <b>`_``", []),
    ],
)  # fmt: skip
def test_links_of_restructured_text(text: str, found: Found) -> None:
    assert links_in("a.rst", f"Title\n=====\n\n{text}\n") == found
    assert links_in("a.txt", f"Title\n=====\n\n{text}\n") == []


def test_links_of_opendocument_text_lie_beside_the_file() -> None:
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
    )
    content = (
        f"<office:document-content {names}><office:body><office:text>"
        '<text:h><text:a xlink:href="../top.odt">Tides</text:a></text:h>'
        '<text:p>See <text:a xlink:href="../../b.odt">the<text:s/>plan</text:a> and '
        '<text:a xlink:href="https://example.org/x">the plan</text:a>.</text:p>'
        '<text:list><text:list-item><text:p><text:a xlink:href="#part">part</text:a></text:p>'
        "</text:list-item></text:list></office:text></office:body></office:document-content>"
    )
    assert links_in("a.odt", opendocument(content)) == [
        ("Tides", "top.odt"),
        ("the plan", "../b.odt"),
        ("the plan", "https://example.org/x"),
        ("part", "#part"),
    ]


def test_links_of_a_pdf_lie_over_its_words() -> None:
    pdf = FPDF()
    for page in ("First", "Second"):
        pdf.add_page()
        pdf.set_font("Helvetica", size=11)
        pdf.cell(0, 8, f"{page} page says more here.", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.cell(40, 8, "the plan", link=f"https://example.org/{page}", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.cell(40, 8, "the plan", link="sub/b.pdf", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        pdf.cell(40, 8, "inside", link=pdf.add_link(page=1), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    record = read("a.pdf", bytes(pdf.output())).record
    found = [(record.text[start:end], target) for start, end, target in record.links]
    assert found == [
        ("the plan", "https://example.org/First"),
        ("the plan", "sub/b.pdf"),
        ("the plan", "https://example.org/Second"),
        ("the plan", "sub/b.pdf"),
    ]
    assert [start for start, _, _ in record.links] == sorted({start for start, _, _ in record.links})


def letter(plain: str, html: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Plans"
    if plain:
        message.set_content(plain)
        message.add_alternative(html, subtype="html")
    else:
        message.set_content(html, subtype="html")
    return message.as_bytes()


def test_links_of_a_letter_in_html_and_of_one_that_has_a_plain_body_too() -> None:
    html = "<p>See <a href='https://example.org/x'>the long plan</a> or <a href='y.html'>no words</a>.</p>"
    found = [("the long plan", "https://example.org/x")]
    assert links_in("a.eml", letter("", html)) == [*found, ("no words", "y.html")]
    assert links_in("a.eml", letter("Hello.\n\nSee the long\nplan soon.", html)) == [
        ("the long\nplan", "https://example.org/x")
    ]
    deep = f"{'<div>' * 10_001}<a href='x'>plan</a>"
    assert links_in("a.eml", letter("See the plan.", deep)) == []
    box = b"".join(b"From a@b Mon Jan  1 00:00:00 2024\n" + letter("", html) + b"\n\n" for _ in range(2))
    assert links_in("a.mbox", box) == [*found, ("no words", "y.html")] * 2


@pytest.mark.parametrize(
    ("name", "piece"), [("a.adoc", "<<b.adoc#x,y>> link:c[d] "), ("a.rst", "`x <y>`_ z_ ")]
)
def test_of_very_many_links_the_first_ones_count(name: str, piece: str) -> None:
    assert len(links_in(name, piece * 50_000)) == MOST_LINKS
    assert (
        links_in(name, "".join(sign * 20_000 for sign in ("<<", "link:x[", "`x <", "`", "a_", ".. _x"))) == []
    )
