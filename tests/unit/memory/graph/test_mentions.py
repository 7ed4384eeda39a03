import time

import pytest

from flowmatik.memory.graph.gazetteer import Gazetteer
from flowmatik.memory.graph.keys import key_of, title_keys
from flowmatik.memory.graph.mentions import mentions


def keys(text: str, kind: str, language: str = "en") -> set[str]:
    found = mentions(text, title="", heading="", language=language)
    return {one.key for one in found if one.kind == kind}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("It was built by the Bank of America in a year.", "bank of america"),
        ("They met at the University of the West Indies.", "university of the west indies"),
        ("Estudió en la Universidad Complutense de Madrid.", "universidad complutense de madrid"),
        ("Lo escribió José Ortega y Gasset.", "jose ortega y gasset"),
        ("Written by J. K. Rowling, it sold well.", "j k rowling"),
        ("We saw Dr. Strange there.", "dr strange"),
        ("He works for the U.S. Navy.", "us navy"),
        ("Nació en EE. UU. y murió en Francia.", "ee uu"),
        ("It flew as Apollo 11 did.", "apollo 11"),
        ("New York's mayor spoke.", "new york"),
        ("Songs by Simon & Garfunkel.", "simon garfunkel"),
        ("Lilu is a demon.", "lilu"),
        ("¿Dónde nació Núñez de Balboa?", "nuñez de balboa"),
    ],
)
def test_a_name_is_found_whole(text: str, name: str) -> None:
    assert name in keys(text, "name")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("However, nothing came of it.", "however"),
        ("¿Qué dijo?", "que"),
        ("When did it end?", "when"),
        ("Cats sleep. A man likes cats.", "cats"),
        ("Sin embargo, nada pasó.", "sin"),
        ("The Bank of America closed.", "bank"),
    ],
)
def test_a_word_that_has_its_capital_from_the_sentence_is_no_name(text: str, word: str) -> None:
    assert word not in keys(text, "name")


def test_the_parts_of_a_joined_name_are_found_too() -> None:
    assert {"españa y francia", "españa", "francia"} <= keys("La paz entre España y Francia.", "name", "es")


def test_offsets_are_those_of_the_text() -> None:
    text = "Ask «El Quijote» of Miguel de Cervantes's heirs at a.b@example.com or https://example.org/x."
    for one in mentions(text, title="T", heading="", language="en"):
        assert one.start == -1 or text[one.start : one.end] == one.surface
    assert keys(text, "quote") == {"quijote"}
    assert "miguel de cervantes" in keys(text, "name")
    assert keys(text, "email") == {"a.b@example.com"}
    assert keys(text, "url") == {"https://example.org/x"}


@pytest.mark.parametrize(
    ("text", "language", "key"),
    [
        ("It costs $3 million.", "en", "3000000 usd"),
        ("Costó 1.234,5 millones de euros.", "es", "1234500000 eur"),
        ("It is 384,400 km away.", "en", "384400 km"),
        ("Está a 384.400 kilómetros.", "es", "384400 km"),
        ("Sube un 3,5 %.", "es", "3.5 %"),
        ("Sube un 3.5 por ciento.", "es", "3.5 %"),
    ],
)
def test_the_same_quantity_has_the_same_key_in_both_languages(text: str, language: str, key: str) -> None:
    assert keys(text, "quantity", language) == {key}


@pytest.mark.parametrize(
    ("text", "language", "key"),
    [
        ("Fue el 12 de marzo de 1923.", "es", "1923-03-12"),
        ("It was on March 12, 1923.", "en", "1923-03-12"),
        ("It was on 12 March 1923.", "en", "1923-03-12"),
        ("It was on 3/12/1923.", "en", "1923-03-12"),
        ("Fue el 12/3/1923.", "es", "1923-03-12"),
        ("Since May 2010 it is so.", "en", "2010-05"),
        ("In 1999 it was so.", "en", "1999"),
        ("On 31 February 2010.", "en", "2010-02"),
    ],
)
def test_a_date_has_one_form(text: str, language: str, key: str) -> None:
    assert key in keys(text, "date", language)


def test_codes_are_words_of_letters_and_digits() -> None:
    found = keys("Order ISO-9001 for the X200 with max_retries, not the 1st or 1990s one.", "code")
    assert found == {"iso 9001", "x200", "max retries"}


def test_a_title_is_meant_with_and_without_what_tells_it_from_its_namesakes() -> None:
    assert title_keys("The Mercury (planet)") == ("mercury", "mercury planet")
    found = mentions("", title="Mercury (planet)", heading="Mercury (planet) > Orbit", language="en")
    assert [(one.key, one.kind, one.start) for one in found] == [
        ("mercury", "title", -1),
        ("mercury planet", "title", -1),
        ("orbit", "heading", -1),
    ]


def test_the_users_names_are_found_in_any_case_the_longest_first() -> None:
    names = Gazetteer.of({"Flow Engine": ["motor de flujos"], "Flow": [], "": [""]})
    found = mentions("El Motor de flujos y flow.", title="", heading="", language="es", gazetteer=names)
    assert [one.key for one in found if one.kind == "gazetteer"] == ["flow engine", "flow"]


def test_spellings_of_a_name_share_a_key() -> None:
    assert key_of("The U.S.") == key_of("us")
    assert key_of("Person - centered") == key_of("person-centered")
    assert key_of("Núñez") != key_of("Nunez")  # ñ is a letter


@pytest.mark.parametrize(
    "text", ["A" * 300_000, "A. " * 60_000, "Of de " * 40_000, '"' * 100_000, "a@" * 100_000, "1," * 100_000]
)
def test_odd_text_takes_no_time_to_speak_of(text: str) -> None:
    started = time.process_time()
    mentions(text, title=text[:500], heading=" > " * 500, language="")
    assert time.process_time() - started < 10
