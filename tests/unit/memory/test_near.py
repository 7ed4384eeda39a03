import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.memory import near
from tests.unit.memory.reading import passages, read

WORDS = [f"word{n}" for n in range(200)]
TEXT = " ".join(WORDS[:120])


def firsts(*texts: str) -> list[int]:
    return near.firsts(texts, [near.keys(text) for text in texts])


def test_a_text_with_a_few_words_changed_is_near_and_another_is_not() -> None:
    changed = TEXT.replace("word60", "other").replace("word100 ", "")
    other = " ".join(reversed(WORDS[:120]))
    assert near.similarity(TEXT, changed) >= near.NEAR
    assert set(near.keys(TEXT)) & set(near.keys(changed))
    assert firsts(TEXT, other, changed, other) == [0, 1, 0, 1]


def test_case_signs_and_the_form_of_accents_do_not_count() -> None:
    text = "Ramón pagó la cañería, " * 8
    decomposed = text.replace("ó", "o\u0301").replace("ñ", "n\u0303")
    assert near.keys(text) == near.keys(decomposed.upper().replace(",", " -"))


@pytest.mark.parametrize("text", ["", "Too short to tell.", "uno " * 19])
def test_short_texts_are_near_to_nothing(text: str) -> None:
    assert near.keys(text) == ()
    assert firsts(text, text) == [0, 1]


@given(st.lists(st.sampled_from(WORDS), min_size=near.MIN_WORDS, max_size=80))
def test_keys_are_small_enough_to_store_and_a_text_is_near_to_itself(words: list[str]) -> None:
    text = " ".join(words)
    assert len(near.keys(text)) == 8
    assert all(0 <= key < 1 << 63 for key in near.keys(text))
    assert firsts(text, text) == [0, 0]


def test_keys_are_the_same_in_every_process() -> None:
    code = f"from flowmatik.memory import near; print(near.keys({TEXT!r}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(near.keys(TEXT))


def test_a_passage_that_is_said_again_in_its_document_names_the_first() -> None:
    part = " ".join(f"Clause {n} says what number {n} may do." for n in range(30))
    prepared = read("a.md", f"# One\n\n{part}\n\n# Two\n\n{part}\n\nAnd this is new.\n".encode())
    assert len(passages(prepared)) >= 2
    chunks = prepared.record.chunks
    assert chunks[0].near == ""
    assert any(chunk.near.startswith("chk_") for chunk in chunks[1:])
    assert prepared.record.near_keys
