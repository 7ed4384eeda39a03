import json
from email.message import EmailMessage

import pytest

from flowmatik.kernel.errors import DocumentError
from tests.unit.memory.reading import passage_with, passages, read


def letter(
    subject: str = "Mareas de junio", body: str = "Adjunto las mareas.\n\nUn saludo,\nAna"
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Ana Gómez <ana@example.org>"
    message["To"] = "puerto@example.org"
    message["Date"] = "Mon, 01 Jun 2026 10:00:00 +0200"
    message["Message-ID"] = f"<{subject}@example.org>"
    message["Subject"] = subject
    message.set_content(body)
    return message


def test_a_letter_gives_its_headers_and_its_plain_body() -> None:
    message = letter()
    message.add_alternative("<p>In colours</p>", subtype="html")
    prepared = read("a.eml", message.as_bytes())
    assert prepared.record.text == (
        "Mareas de junio\n\nFrom: Ana Gómez <ana@example.org>\nTo: puerto@example.org\n"
        "Date: Mon, 01 Jun 2026 10:00:00 +0200\n\nAdjunto las mareas.\n\nUn saludo,\nAna"
    )
    assert prepared.record.title == "Mareas de junio"


def test_a_letter_in_html_alone_is_read_as_a_page_is() -> None:
    message = EmailMessage()
    message["Subject"] = "=?utf-8?q?Tari=CC=81fas?="
    message.set_content("<h1>Prices</h1><table><tr><td>A</td><td>9</td></tr></table>", subtype="html")
    assert read("a.eml", message.as_bytes()).record.text.endswith("Prices\n\n| A | 9 |")


def test_attachments_are_documents_of_their_own_below_the_letter() -> None:
    message, inner = letter(), letter("Inner", "The inner words.")
    message.add_attachment(
        b"# Tides\n\nHigh at noon.", maintype="text", subtype="markdown", filename="tides.md"
    )
    message.add_attachment(b"more", maintype="text", subtype="plain", filename="../../etc/tides.md")
    message.add_attachment(b"\xff\xd8", maintype="image", subtype="jpeg", filename="photo.jpg")
    message.add_attachment(b"not a PDF", maintype="application", subtype="pdf", filename="bad.pdf")
    message.add_attachment(inner)
    prepared = read("a.eml", message.as_bytes())
    assert {part.record.source: part.record.title for part in prepared.parts} == {
        "a.eml/tides.md": "Tides",
        "a.eml/tides-2.md": "tides-2",
        "a.eml/message.eml": "Inner",
    }
    first = prepared.parts[0].record
    assert (first.stamp.path, first.stamp.size) == ("/docs/a.eml/tides.md", 22)
    assert first.id != prepared.record.id
    assert [(one.name, one.code) for one in prepared.refused] == [
        ("a.eml/photo.jpg", "document.unsupported"),
        ("a.eml/bad.pdf", "document.unreadable"),
    ]
    assert "High at noon" not in prepared.record.text


def test_a_box_gives_a_section_for_each_message_and_takes_doubles_once() -> None:
    def filed(message: EmailMessage) -> bytes:
        body = message.as_bytes().replace(b"\nFrom ", b"\n>From ")
        return b"From ana@example.org Mon Jun  1 10:00:00 2026\n" + body + b"\n"

    one, two = letter("One", "The first.\n\nFrom here on it rains."), letter("Two", "The second.")
    prepared = read("old.mbox", filed(one) + filed(two) + filed(one))
    assert passage_with(prepared, "The second").heading == "Two"
    assert "\n\nFrom here on it rains." in prepared.record.text
    assert prepared.record.text.count("The first") == 1
    assert [(note.code, note.values) for note in prepared.notices] == [("document.doubles", {"count": 1})]


@pytest.mark.parametrize("name", ["a.eml", "a.mbox"])
def test_what_is_no_letter_is_told_so(name: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(name, b"\x00\x01\x02 nothing of the kind")
    assert caught.value.code == "document.unreadable"


@pytest.mark.parametrize(
    "headers",
    [
        b"Subject: =?unknown-8bit?q?caf=E9?=\n",
        b"Subject: caf\xe9\nContent-Type: text/plain; charset=no-such\n",
        b"Subject: x\nDate: never\nFrom: <<>>,,;@\nContent-Type: ;;;\n",
        b"Subject: x\nContent-Transfer-Encoding: base64\n",
        b"Subject: x\nContent-Type: multipart/mixed; boundary=a\n",
    ],
)
def test_odd_letters_are_read_as_far_as_they_go(headers: bytes) -> None:
    assert read("a.eml", headers + b"\nBody caf\xe9.\n").record.text


def test_letters_within_letters_end_somewhere() -> None:
    data = b"Subject: x\nContent-Type: multipart/mixed; boundary=b0\n\n"
    for depth in range(100):
        data += b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (depth, depth + 1)
    with pytest.raises(DocumentError) as caught:
        read("a.eml", data + b"--b100\n\nend")
    assert caught.value.code == "document.deep"


def test_records_are_lines_of_keys_and_values_with_the_lines_of_the_file() -> None:
    people = [
        {"name": f"Ana {n}", "home": {"city": "Lugo"}, "tags": ["a", "b"], "none": None} for n in range(60)
    ]
    data = json.dumps(people, indent=1).encode()
    prepared = read("people.json", data)
    assert prepared.record.text.startswith("name: Ana 0\nhome.city: Lugo\ntags: a\ntags: b\n\nname: Ana 1\n")
    where = prepared.record.text.index("Ana 42")
    line = max(line for offset, line in prepared.record.lines if offset <= where)
    assert b"Ana 42" in data.split(b"\n")[line - 1]
    assert len(passages(prepared)) > 1
    assert all(text.startswith("name: ") for text in passages(prepared))


def test_keys_of_an_object_are_sections_and_escapes_are_read() -> None:
    data = rb'{"title": "Ca\u00f1as \ud83d\ude00", "port": {"city": "A Coru\u00f1a"}, "odd": "\ud83d"}'
    prepared = read("a.json", data)
    assert prepared.record.text == "title: Cañas 😀\n\nport\n\ncity: A Coruña\n\nodd: ?"
    assert passage_with(prepared, "Coruña").heading == "port"


def test_a_long_text_in_a_record_is_a_paragraph_that_is_cut_between_sentences() -> None:
    said = "The tide turns at noon. " * 60
    prepared = read("a.jsonl", (json.dumps({"id": 1, "body": said}) + "\n").encode() * 2)
    assert all(text.endswith("noon.") for text in passages(prepared))
    assert {chunk.lines for chunk in prepared.record.chunks} >= {(1, 1), (2, 2)}


def test_lines_that_are_no_json_are_left_out_and_noted() -> None:
    prepared = read("a.jsonl", b'{"a": "one"}\n{"a": \n\n{"a": "two"}\nnull\n')
    assert prepared.record.text == "a: one\n\na: two"
    (note,) = prepared.notices
    assert (note.code, note.values) == ("document.malformed", {"count": 1, "line": 2})
    with pytest.raises(DocumentError) as caught:
        read("a.jsonl", b"this\nis none\n")
    assert caught.value.code == "document.unreadable"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": 1,}', "line 1: a key in quotes expected"),
        (b'{"a": 1\n "b": 2}', "line 2: a comma or } expected"),
        (b'["a", "b', "line 1: the end of a text, or a character that may stand in one, expected"),
        (b"[1, 2] 3", "line 1: the end of the file expected"),
        (b"[", "line 1: a value expected"),
        (b'{"a" 1}', "line 1: a colon expected"),
    ],
)
def test_what_is_no_json_is_told_with_its_line(data: bytes, why: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read("a.json", data)
    assert (caught.value.code, caught.value.context["why"]) == ("document.unreadable", why)


@pytest.mark.parametrize("data", [b"[" * 2_000_000, b'{"a":' * 500_000 + b"1", b'[{"a":' * 300_000])
def test_json_nested_without_end_is_refused_at_once(data: bytes) -> None:
    with pytest.raises(DocumentError) as caught:
        read("deep.json", data)
    assert (caught.value.code, caught.value.context) == ("document.deep", {"limit": 200})


@pytest.mark.parametrize("data", [b"", b"  \n", b"null", b"[]", b"{}", b"[[], {}, null]"])
def test_json_that_says_nothing_is_taken_as_empty(data: bytes) -> None:
    prepared = read("a.json", data)
    assert prepared.record.text == ""
    assert [note.code for note in prepared.notices] == ["document.empty"]


PYTHON = '''"""What boats do."""

import math

LIMIT = 3


@cached
def speed(boat: str) -> float:
    """Knots."""
    return 1.0


class Boat:
    """A boat."""

    name: str

    # Who says so?
    def sail(self) -> None:
        if self.name:
            return None

    async def moor(self) -> None:
        pass
'''


def test_code_is_cut_at_its_declarations_with_their_decorators_and_lines() -> None:
    prepared = read("boat.py", PYTHON.encode())
    assert prepared.record.text == PYTHON
    found = {chunk.heading: chunk for chunk in prepared.record.chunks}
    assert list(found) == [
        "", "def speed(boat: str) -> float", "class Boat", "class Boat > def sail(self) -> None",
        "class Boat > async def moor(self) -> None",
    ]  # fmt: skip
    sail = found["class Boat > def sail(self) -> None"]
    assert PYTHON[sail.start : sail.end].startswith("# Who says so?\n    def sail")
    assert found["def speed(boat: str) -> float"].lines == (8, 11)


@pytest.mark.parametrize(
    ("name", "code", "headings"),
    [
        ("a.ts", "export class A {\n  async run(): void {\n    if (a) {}\n  }\n}\nexport const f = (a) => a",
         ["export class A", "export class A > async run(): void", "export const f = (a) => a"]),
        ("a.go", "package a\n\nfunc (b *Boat) Sail() error {\n\treturn nil\n}\n\ntype Boat struct {\n}\n",
         ["", "func (b *Boat) Sail() error", "type Boat struct"]),
        ("a.rs", "pub(crate) fn f() {}\n\nimpl Boat {\n    pub fn sail(&self) {\n    }\n}\n",
         ["pub(crate) fn f() {}", "impl Boat", "impl Boat > pub fn sail(&self)"]),
        ("A.java", "public class A {\n    public int f(int a) {\n        return a;\n    }\n}\n",
         ["public class A", "public class A > public int f(int a)"]),
        ("a.c", "#include <a.h>\n\nstatic int sail(struct boat *b)\n{\n    return f(b);\n}\n",
         ["", "static int sail(struct boat *b)"]),
        ("a.sql", "-- boats\nCREATE TABLE boats (\n  name text\n);\n\nselect *\nfrom boats;\n",
         ["CREATE TABLE boats", "select *"]),
    ],
)  # fmt: skip
def test_code_of_other_languages_is_cut_at_its_declarations_too(
    name: str, code: str, headings: list[str]
) -> None:
    prepared = read(name, code.encode())
    assert [chunk.heading for chunk in prepared.record.chunks] == headings
    assert prepared.record.title == name


def test_asciidoc_has_sections_listings_and_tables() -> None:
    listing, table = "----\n== no heading\n----", "|===\n|A |B\n|==="
    text = f"= Tides\n:author: Ana\n\n== High\nIt rises.\n\n{listing}\n\n{table}\n\n=== Low\n\n* ebb"
    prepared = read("tides.adoc", text.encode())
    assert prepared.record.title == "Tides"
    assert passage_with(prepared, "no heading").heading == "Tides > High"
    assert passage_with(prepared, "* ebb").heading == "Tides > High > Low"


def test_restructured_text_knows_titles_between_two_rules_and_other_underlines() -> None:
    prepared = read("a.rst", b"=====\nTides\n=====\n\nHigh\n~~~~\n\nIt rises.\n\nLow\n^^^\n\nIt falls.\n")
    assert prepared.record.title == "Tides"
    assert passage_with(prepared, "It falls").heading.endswith("Low")
