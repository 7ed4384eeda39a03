"""What is looked for in stored texts takes no longer than reading them, whatever both of them hold."""

import random
import re
import time

import pytest

from flowmatik.memory import erasure, near, quotes
from flowmatik.memory.facts.keys import key_of
from flowmatik.memory.formats import Formats
from flowmatik.memory.language import fold
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.parsing import Source


@pytest.mark.parametrize("seed", range(50))
def test_a_quote_is_found_where_a_pattern_finds_it(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(chance.choices("ab \n\t\u00a0", k=200))
    begin = chance.randrange(150)
    quote = " ".join(text[begin : begin + chance.randrange(1, 20)].split()) or "ab"
    first = (chance.randrange(60), chance.randrange(60, 200))
    pattern = re.compile(r"\s+".join(map(re.escape, quote.split())))
    match = pattern.search(text, *first) or pattern.search(text)
    assert quotes.place_of(quote, text, first) == (match and match.span())


def test_a_quote_that_is_everywhere_but_for_its_end_is_looked_for_in_linear_time() -> None:
    began = time.monotonic()
    assert quotes.place_of("a " * 5_000 + "b", "a " * 500_000, (0, 1_000)) is None
    assert time.monotonic() - began < 10


def test_a_name_with_many_hyphens_is_looked_for_in_linear_time() -> None:
    began = time.monotonic()
    pattern = re.compile(erasure.pattern_of("ana" + " -" * 50 + " ruiz"))
    assert pattern.search("ana" + "-" * 100_000) is None
    assert pattern.search("ana - - ruiz")
    assert time.monotonic() - began < 10


def test_a_letter_with_many_accents_is_folded_in_linear_time() -> None:
    began = time.monotonic()
    text = "árbol " + "a" + "\u0301\u0316" * 200_000 + " ñandú"
    assert fold(text) == "arbol a ñandu"
    assert near.keys(text) == ()
    assert time.monotonic() - began < 10


def test_the_key_of_what_is_said_is_without_what_stands_around_it_in_linear_time() -> None:
    began = time.monotonic()
    assert key_of("  «Á b,  c!» ") == "a b, c"
    assert key_of("¿?") == key_of("") == ""
    assert key_of("x" + "." * 100_000 + "y") == "x" + "." * 100_000 + "y"
    assert time.monotonic() - began < 10


def test_a_long_line_of_code_is_read_in_linear_time() -> None:
    began = time.monotonic()
    source = Source(
        name="a.py",
        data=b"a" + b" " * 300_000 + b"b",
        path="/a.py",
        deadline=began + 60,
        limits=IngestLimits(),
    )
    assert Formats().parser("code").parse(source).text
    assert time.monotonic() - began < 10
