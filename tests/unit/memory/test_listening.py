"""What is read, by rule, in what people write: in Spanish and English, and rather too little than wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.facts import FactPolicy
from flowmatik.core.guards.pii import personal
from flowmatik.core.guards.secrets import secrets_in
from flowmatik.memory.facts.dates import first_day, iso_date
from flowmatik.memory.facts.listening import heard
from flowmatik.memory.facts.screening import Screening


def told(text: str) -> list[tuple[str, str]]:
    return [(one.predicate, one.value) for one in heard(text)]


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Hola, me llamo Ana de la Cruz y vivo en Lugo", [("name", "Ana de la Cruz"), ("lives_in", "Lugo")]),
        ("me llamo ana", [("name", "ana")]),
        ("Hi! My name is Bob from accounting", [("name", "Bob")]),
        ("My e-mail is bob@example.org.", [("email", "bob@example.org")]),
        ("mi correo es ana@ejemplo.es", [("email", "ana@ejemplo.es")]),
        ("Mi teléfono es 612 345 678", [("phone", "612 345 678")]),
        ("Prefiero frases cortas, y me gusta el té", [("prefers", "frases cortas"), ("likes", "el té")]),
        ("I prefer short answers and I like tea!", [("prefers", "short answers"), ("likes", "tea")]),
        ("No me gusta el café", [("dislikes", "el café")]),
        ("I don't like coffee", [("dislikes", "coffee")]),
        ("Nací el 5 de mayo de 1990", [("birthday", "1990-05-05")]),
        ("My birthday is May 5", [("birthday", "--05-05")]),
        ("We use Python 3.11 because it is fast", [("uses", "Python 3.11")]),
        ("Recuerda que el servidor se reinicia los lunes.", [("note", "el servidor se reinicia los lunes")]),
        ("Please remember that invoices go to Eva", [("note", "invoices go to Eva")]),
        ("Respóndeme siempre en inglés", [("language", "inglés")]),
    ],
)  # fmt: skip
def test_people_say_who_they_are_and_what_they_want(text: str, facts: list[tuple[str, str]]) -> None:
    assert told(text) == facts


@pytest.mark.parametrize(
    "text",
    [
        "Do I like tea?",
        "¿Me gusta el té?",
        "If I like it, fine",
        "Quisiera saber si prefiero eso",
        "I like it",
        "Prefiero que me respondas",
        "My name is wrong on the invoice",
        "call me back tomorrow",
        "She said: my name is Eva",
        "`my name is Bob`",
        "> my name is Bob",
        "```\nI live in Paris\n```",
        "I was born 03/04/1990",
        "I'd prefer not to say",
        "",
        "\0\ud800",
    ],
)
def test_what_says_nothing_of_the_writer_is_no_fact(text: str) -> None:
    assert told(text) == []


def test_what_ends_and_what_was_wrong_is_told_apart() -> None:
    [gone] = heard("Ya no vivo en Madrid.")
    assert (gone.predicate, gone.value, gone.ends) == ("lives_in", "Madrid", True)
    [gone] = heard("I don't like coffee anymore")
    assert (gone.predicate, gone.value, gone.ends) == ("likes", "coffee", True)
    for text in ("No, me llamo Eva", "Actually, my name is Eva", "Perdón, mi nombre es Eva"):
        [right] = heard(text)
        assert (right.value, right.corrects, right.ends) == ("Eva", True, False)


def test_since_when_is_a_date_of_its_own() -> None:
    [home] = heard("Vivo en Madrid desde mayo de 2020.")
    assert (home.value, home.since) == ("Madrid", "2020-05-01")
    [work] = heard("I work at Acme Corp since 2019-03-01")
    assert (work.value, work.since) == ("Acme Corp", "2019-03-01")


@pytest.mark.parametrize(
    ("text", "language", "iso"),
    [
        ("5 de mayo de 1990", "es", "1990-05-05"),
        ("el 1 de setiembre de 2001", "es", "2001-09-01"),
        ("May 5th, 1990", "en", "1990-05-05"),
        ("03/04/1990", "es", "1990-04-03"),
        ("03/04/1990", "en", ""),
        ("25/12/1990", "en", "1990-12-25"),
        ("31 de febrero", "es", ""),
        ("29 de febrero", "es", "--02-29"),
        ("2020", "en", "2020"),
        ("soon", "en", ""),
    ],
)
def test_dates_become_one_form_or_none(text: str, language: str, iso: str) -> None:
    assert iso_date(text, language=language) == iso


def test_a_year_begins_on_its_first_day() -> None:
    days = [first_day(iso) for iso in ("2020", "2020-05", "2020-05-04", "--05-04")]
    assert days == ["2020-01-01", "2020-05-01", "2020-05-04", ""]


@given(st.text(max_size=400))
def test_whatever_is_written_is_read_without_a_fault(text: str) -> None:
    assert all(one.value.strip() for one in heard(text))


SCREENING = Screening(secrets_in, personal)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("my password: hunter2hunter2", "secret"),
        ("sk-abcdefghij1234567890", "secret"),
        ("soy diabético", "special"),
        ("I vote for the greens", "special"),
        ("estoy embarazada", "special"),
        ("4111 1111 1111 1111", "personal"),
        ("12345678Z", "personal"),
        ("ana@ejemplo.es", ""),
        ("prefiero el té", ""),
    ],
)
def test_secrets_and_special_data_are_not_remembered(text: str, why: str) -> None:
    assert SCREENING.refuses(FactPolicy(), text) == why
    permissive = FactPolicy(special=True, personal=True)
    assert SCREENING.refuses(permissive, text) == ("secret" if why == "secret" else "")
