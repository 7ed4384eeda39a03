"""Links are found where they stand in the text, and what they lead to is known without looking there."""

import io
import time
from typing import Any

import pytest

from flowmatik.memory.linking import MOST_LINKS, Base, Target, as_kept, as_read, target_of
from flowmatik.memory.markup import HtmlParser
from flowmatik.memory.parsers.docx import DocxParser
from flowmatik.memory.parsers.markdown import MarkdownParser
from flowmatik.memory.parsing import Document, Source

BASE = Base(path="/srv/docs/guides/a.md", root="/srv/docs")
PAGE = Base(path="/c/host/docs/a.html", root="/c", address="https://host/docs/a/")


def links_in(document: Document) -> list[tuple[str, str]]:
    """The text of each link, and where it leads."""
    return [(document.text[one.start : one.end], one.target) for one in document.links]


def markdown(text: str) -> list[tuple[str, str]]:
    return links_in(MarkdownParser().parse(Source(name="a.md", data=text.encode(), path="/a.md")))


def html(body: str) -> list[tuple[str, str]]:
    data = f"<html><body>{body}</body></html>".encode()
    return links_in(HtmlParser().parse(Source(name="a.html", data=data, path="/a.html")))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("See [the plan](b.md#x).", [("[the plan](b.md#x)", "b.md#x")]),
        ('[é](<two words.md> "Title")', [('[é](<two words.md> "Title")', "two words.md")]),
        ("[a](x_(y).md)", [("[a](x_(y).md)", "x_(y).md")]),
        ("[![picture](p.png)](b.md)", [("[![picture](p.png)](b.md)", "b.md")]),
        ("![picture](p.png)", []),
        ("[The B][1], [b].\n\n[1]: b.md\n[B]: <c.md>", [("[The B][1]", "b.md"), ("[b]", "c.md")]),
        ("[no definition][1] [neither]", []),
        ("<https://example.org/a>", [("<https://example.org/a>", "https://example.org/a")]),
        ('<a class="x" href="b.html">b</a>', [('<a class="x" href="b.html">', "b.html")]),
        ("The [[Red Kite]]", [("[[Red Kite]]", "[[Red Kite]]")]),
        ("[[birds/Kite#Nest|the kite]]", [("[[birds/Kite#Nest|the kite]]", "[[birds/Kite]]")]),
        ("`[a](b.md)` ``[a](b.md)`` [c](c.md)", [("[c](c.md)", "c.md")]),
        ("```\n[a](b.md)\n```\n[c](c.md)\n~~~\n[[d]]", [("[c](c.md)", "c.md")]),
        ("[](b.md) [x]( ) [y]() [[]]", [("[](b.md)", "b.md")]),
    ],
)  # fmt: skip
def test_links_of_markdown_stand_where_they_are_written(text: str, found: list[tuple[str, str]]) -> None:
    assert markdown(text) == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('<p>Go to <a href="b.html">the\n  plan</a>, now.</p>', [("the plan", "b.html")]),
        ('<h2><a href="b.html">Plan</a> B</h2>', [("Plan", "b.html")]),
        ('<ul><li>x</li><li><a href="b">one</a></li></ul>', [("one", "b")]),
        ('<table><tr><td><a href="b">one</a></td><td> two</td></tr></table>', [("one", "b")]),
        ('<a href="b"><div>first</div><div>second</div></a><p>x</p>', [("first", "b")]),
        ('<p>x</p><a href="b"><img src="p.png"></a><p>y</p>', []),
        ('<nav><a href="b">menu</a></nav><p hidden><a href="c">no</a></p><p>x</p>', []),
        ('<p><a name="here">x</a> <a href="c&amp;d">y</a></p>', [("y", "c&d")]),
    ],
)
def test_links_of_pages_stand_where_their_words_are_shown(body: str, found: list[tuple[str, str]]) -> None:
    assert html(body) == found


def test_links_of_word_documents_stand_in_their_paragraphs() -> None:
    import docx
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.oxml import parse_xml

    written: Any = docx.Document()
    paragraph = written.add_paragraph("Read the plan, and ", style="List Bullet")
    known = paragraph.part.relate_to("plan.docx", RELATIONSHIP_TYPE.HYPERLINK, is_external=True)
    names = (
        'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    )
    link = f'<w:hyperlink {names} r:id="{known}"><w:r><w:t>the plan</w:t></w:r></w:hyperlink>'
    written.element.body[0].append(parse_xml(link))
    data = io.BytesIO()
    written.save(data)
    document = DocxParser().parse(Source(name="a.docx", data=data.getvalue(), path="/a.docx"))
    assert document.text == "- Read the plan, and the plan"
    assert links_in(document) == [("the plan", "plan.docx")]


@pytest.mark.parametrize(
    ("written", "key", "shown"),
    [
        ("b.md#part", "place:/srv/docs/guides/b.md", "guides/b.md"),
        ("../b.md", "place:/srv/docs/b.md", "b.md"),
        ("./x/../b%20c.md?v=1", "place:/srv/docs/guides/b c.md", "guides/b c.md"),
        ("..\\b.md", "place:/srv/docs/b.md", "b.md"),
        ("/top.md", "place:/srv/docs/top.md", "top.md"),
        ("https://Example.org/A/#x", "https://example.org/a", "https://Example.org/A/"),
        ("[[The Red Kite]]", "red kite", "The Red Kite"),
        ("[[birds/Kite.md]]", "place:**/birds/kite", "birds/Kite"),
        ("[[../Kite]]", "place:/srv/docs/Kite", "Kite"),
    ],
)
def test_what_a_link_leads_to_is_a_place_an_address_or_a_page(written: str, key: str, shown: str) -> None:
    assert target_of(BASE, written) == Target(key, shown)


@pytest.mark.parametrize(
    "written",
    [
        *("#part", "", "a.md", "../guides/a.md#x", "?q=1", "mailto:a@b.c", "javascript:x()"),
        *("file:///etc/passwd", "../../etc/passwd", "/../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"),
        *("..%2f..%2fetc/passwd", "../../docs2/b.md"),
        *("//[", "https://", "[[¿?]]", "a\x00.md", "a\u202e.md", "x" * 501, ".."),
    ],
)  # fmt: skip
def test_what_leads_nowhere_else_or_out_of_the_source_is_nothing(written: str) -> None:
    assert target_of(BASE, written) is None


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("b", "place:/c/host/docs/a/b"),
        ("/", "place:/c/host/index"),
        ("https://host/x/y.html#z", "place:/c/host/x/y.html"),
        ("https://other/x", "https://other/x"),
        ("//other/X", "https://other/x"),
        ("../../../../etc/passwd", "place:/c/host/etc/passwd"),
        ("b?page=2", "https://host/docs/a/b?page=2"),
    ],
)
def test_links_of_a_page_of_the_web_are_read_from_its_address(written: str, key: str) -> None:
    found = target_of(PAGE, written)
    assert found is not None
    assert found.key == key


def test_a_hundred_thousand_links_are_read_in_linear_time_and_the_first_ones_count() -> None:
    began = time.monotonic()
    line = "[page {n}](p{n}.md) [[Page {n}]] [x][{n}] <https://a.b/{n}> `{n}`\n"
    many = "".join(line.format(n=n) for n in range(30_000))
    found = markdown(many + "".join(f"[{n}]: q{n}.md\n" for n in range(30_000)))
    first = [("[page 0](p0.md)", "p0.md"), ("[[Page 0]]", "[[Page 0]]"), ("[x][0]", "q0.md")]
    assert (len(found), found[:3]) == (MOST_LINKS, first)
    assert len(html("".join(f'<p><a href="p{n}">x</a></p>' for n in range(100_000)))) == 100_000
    for odd in (
        "[" * 300_000,
        "](" * 150_000,
        "[[a" * 100_000,
        "`a" * 150_000,
        "[a](b" * 60_000,
        "<a " * 100_000,
    ):
        assert markdown(odd) == []
    assert markdown("[a](" + "(" * 200_000) == []
    assert time.monotonic() - began < 60


def test_no_more_is_kept_than_that_whoever_has_read_them() -> None:
    kept = as_read(as_kept(tuple((n, n + 1, "b.md") for n in range(MOST_LINKS * 2))))
    assert (len(kept), kept[-1]) == (MOST_LINKS, (MOST_LINKS - 1, MOST_LINKS, "b.md"))
    assert as_read("") == ()


def test_a_page_of_one_link_around_everything_is_read() -> None:
    assert html('<a href="b">' + "<p>x</p>" * 1000 + "</a>") == [("x", "b")]
