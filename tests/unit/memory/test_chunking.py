from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from flowmatik.memory.chunking import MAX_WORDS, TAIL_WORDS, chunks, sentences
from flowmatik.memory.parsers.markdown import build
from flowmatik.memory.parsing import Document, Source

_WORDS = st.lists(st.sampled_from(["uno", "two", "tres", "Cuatro", "año"]), min_size=1, max_size=40)
_PARAGRAPH = st.lists(_WORDS.map(lambda words: " ".join(words) + "."), min_size=1, max_size=9).map(" ".join)
_HEADING = st.sampled_from(["# A", "## A", "## B b", "### Ç", "#### A"])
_TABLE = st.integers(1, 90).map(lambda n: "\n".join(f"| fila {i} | valor {i} |" for i in range(n)))
_MARKDOWN = st.lists(st.one_of(_PARAGRAPH, _HEADING, _TABLE), max_size=12).map("\n\n".join)


def _parse(text: str) -> Document:
    return build(None).parse(Source(name="a.md", data=text.encode(), path="a.md"))


@settings(max_examples=150, deadline=None)
@given(_MARKDOWN)
def test_passages_keep_every_word_of_the_body_and_never_overlap(text: str) -> None:
    document = _parse(text)
    found = chunks(document)
    assert all(a.end <= b.start for a, b in pairwise(found))
    kept = " ".join(document.text[c.start : c.end] for c in found).split()
    body = " ".join(document.text[b.start : b.end] for b in document.blocks if b.kind != "heading").split()
    headings = {
        w for b in document.blocks if b.kind == "heading" for w in document.text[b.start : b.end].split()
    }
    assert [word for word in kept if word not in headings] == [word for word in body if word not in headings]


@settings(max_examples=150, deadline=None)
@given(_MARKDOWN)
def test_passages_are_of_bounded_size_and_end_at_a_sentence_or_a_row(text: str) -> None:
    document = _parse(text)
    for chunk in chunks(document):
        passage = document.text[chunk.start : chunk.end]
        assert len(passage.split()) <= MAX_WORDS + TAIL_WORDS
        assert passage.endswith((".", "|")) or passage.startswith("#")


def test_a_section_is_a_passage_with_its_heading_path() -> None:
    document = _parse(
        "# Guide\n\nIntro text.\n\n## First\n\nBody one.\n\n### Deep\n\nBody two.\n\n## Second\n\nEnd.\n"
    )
    found = [(c.heading, document.text[c.start : c.end]) for c in chunks(document)]
    assert found == [
        ("Guide", "Intro text."),
        ("Guide > First", "Body one."),
        ("Guide > First > Deep", "Body two."),
        ("Guide > Second", "End."),
    ]


def test_a_small_table_stays_with_the_sentence_that_introduces_it() -> None:
    text = "# T\n\nPrices in euros:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    document = _parse(text)
    (chunk,) = chunks(document)
    assert document.text[chunk.start : chunk.end] == "Prices in euros:\n\n| a | b |\n|---|---|\n| 1 | 2 |"


def test_a_hash_inside_a_code_fence_is_no_heading() -> None:
    document = _parse("# Real\n\n```sh\n# comment\nrun\n```\n")
    (chunk,) = chunks(document)
    assert chunk.heading == "Real"
    assert "# comment" in document.text[chunk.start : chunk.end]


def test_abbreviations_initials_and_decimals_end_no_sentence() -> None:
    text = "El Sr. Pérez pagó 3.5 euros a J. García. Dr. Smith left. He paid approx. 4."
    found = [text[a:b] for a, b in sentences(text)]
    assert found == ["El Sr. Pérez pagó 3.5 euros a J. García.", "Dr. Smith left.", "He paid approx. 4."]


def test_text_without_a_single_full_stop_is_still_cut() -> None:
    text = "palabra " * 5000
    document = _parse(text)
    found = chunks(document)
    assert len(found) > 5
    assert max(c.end - c.start for c in found) <= 3000
