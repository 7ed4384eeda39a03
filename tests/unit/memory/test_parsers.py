import re

import pytest

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.formats import Formats
from flowmatik.memory.parsers import csv, html, text
from flowmatik.memory.parsers.pdf.layout import page_blocks
from flowmatik.memory.parsing import Document, Source, decode
from tests.unit.memory.reading import read


def _source(data: bytes) -> Source:
    return Source(name="a", data=data, path="a")


def _html(markup: str) -> Document:
    return html.build(None).parse(_source(markup.encode()))


def test_every_parser_claims_suffixes_and_no_suffix_twice() -> None:
    suffixes = Formats().suffixes()
    assert len(suffixes) == len(set(suffixes))
    assert {".md", ".txt", ".html", ".pdf", ".docx", ".csv", ".parquet", ".sqlite"} <= set(suffixes)


def test_html_keeps_tables_and_lists_as_readable_lines_and_drops_scripts() -> None:
    document = _html(
        "<html lang=en><head><title>Page</title><style>p{}</style></head><body><nav>Home</nav><h2>Plan</h2>"
        "<table><tr><th>Model</th><th>Price</th></tr><tr><td>A</td><td>9&nbsp;€</td></tr></table>"
        "<ul><li>first <b>bold</b></li><li>second</li></ul><script>evil()</script></body></html>"
    )
    assert document.text == "Plan\n\n| Model | Price |\n| A | 9 € |\n\n- first bold\n- second"
    assert (document.title, document.language) == ("Plan", "en")


def test_html_that_nobody_sees_is_not_indexed_and_the_lines_after_it_stay_right() -> None:
    document = _html(
        "<body>\n<p>seen</p>\n<div hidden><p>unseen one\n<b>unseen</b></p></div>\n"
        "<p style='color: red; DISPLAY : none'>unseen</p>\n<span style='visibility:hidden'>unseen</span>\n"
        "<p hidden=until-found>to be found</p>\n<p style='display:block'>seen too</p></body>"
    )
    assert document.text == "seen\n\nto be found\n\nseen too"
    assert [line for _, line in document.lines] == [2, 7, 8]


def test_html_lines_are_those_of_the_source_file() -> None:
    markup = (
        "<html>\n<!-- garza -->\n<body>\n<p class='garza'>Intro.</p>\n<p>The\ngarza\nrides.</p>\n"
        "<table>\n<tr><td>row</td></tr>\n</table></body></html>"
    )
    document = _html(markup)
    lines = markup.split("\n")
    for word in ("Intro", "The", "garza", "rides", "row"):
        line = document.line_at(document.text.index(word))
        assert line is not None
        assert re.search(rf">[^<]*{word}|^{word}", lines[line - 1]), (word, line)
    assert document.line_at(document.text.index("garza")) == 6


def test_inline_markup_does_not_break_words() -> None:
    assert _html("<p>un<b>believ</b>able, <i>yes</i>!</p>").text == "unbelievable, yes!"


def test_deeply_nested_html_is_survived() -> None:
    assert "end" in _html("<div>" * 50 + "end").text
    assert _html("<div>" * 5000 + "the <b>end</b>" + "</div>" * 5000).text == "the end"


def test_html_that_is_nested_too_deep_to_be_read_in_time_is_refused_at_once() -> None:
    with pytest.raises(DocumentError, match="nested more than 10,000 deep") as raised:
        _html("<div>" * 200_000)
    assert raised.value.code == "document.deep"
    assert len(_html("<p>one<p>another<li>item<div>box</div>" * 20_000).text) > 20_000


def test_plain_text_headings_are_numbered_capital_or_underlined() -> None:
    document = text.build(None).parse(
        _source(
            b"MY RULES\n\n1. Purpose\n\nBody of one.\n\nTHE SECOND\n\nBody.\n\nThird\n-----\nMore body.\n"
        )
    )
    headings = [document.text[b.start : b.end] for b in document.blocks if b.kind == "heading"]
    assert headings == ["MY RULES", "1. Purpose", "THE SECOND", "Third"]


def test_windows_text_is_read_and_line_ends_are_unified() -> None:
    assert decode(_source("Año de la señora\r\nuno".encode("cp1252"))) == "Año de la señora\nuno"
    assert decode(_source("\ufeffhola".encode())) == "hola"
    assert decode(_source("hola".encode("utf-16"))) == "hola"


@pytest.mark.parametrize(
    "data",
    [
        b"abc\x00def",
        bytes(range(256)),
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\xff\xfe\x00",
        b"\x01\x02\x03" * 50,
    ],
)
def test_binary_data_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        decode(_source(data))
    assert caught.value.code == "document.binary"


def test_a_parser_that_runs_out_of_time_says_so() -> None:
    source = Source(name="a", data=b"one\n\ntwo", path="a", deadline=0.0)
    with pytest.raises(DocumentError) as caught:
        text.build(None).parse(source)
    assert caught.value.code == "document.timeout"


def test_running_heads_and_feet_of_a_pdf_are_in_no_block() -> None:
    page = "Acme - rules\n1. Start\nA full sentence that goes on\nand ends here.\nPage 3 of 9"
    blocks = page_blocks(page, 100, {"Acme - rules", "Page # of #"})
    assert [(b.kind, page[b.start - 100 : b.end - 100]) for b in blocks] == [
        ("heading", "1. Start"),
        ("text", "A full sentence that goes on\nand ends here."),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_the_beginning_of_a_spanish_csv_is_read_though_it_ends_inside_a_character(encoding: str) -> None:
    data = ("año;importe\r\n" + "niño;3,50\r\n" * 40 + "ñ").encode(encoding)
    cut = data[:-1]
    document = csv.build(None).parse(_source(cut))
    assert document.text.splitlines()[:2] == ["año;importe", "niño;3,50"]


def test_later_rows_of_a_long_table_stand_under_its_first_row() -> None:
    rows = "".join(f"| Boat {n} | {n} EUR |\n" for n in range(120))
    prepared = read("a.md", f"# Rates\n\n| Model | Price |\n|---|---|\n{rows}".encode())
    headings = [chunk.heading for chunk in prepared.record.chunks]
    assert headings[0] == "Rates"
    assert set(headings[1:]) == {"Rates > Model | Price"}
