"""What guardrails find, each alone, and what they leave of it."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowmatik.contracts.guardrails import Guardrail, guardrail_fault
from flowmatik.core.guards.guarding import hidden, tripped
from flowmatik.core.guards.pii import is_card, is_dni, is_iban, is_nie, personal
from flowmatik.core.guards.secrets import secrets_in
from flowmatik.kernel import canonical

PII = (Guardrail(check="pii", on_fail="fix"),)
SECRETS = (Guardrail(check="secrets", on_fail="fix"),)
LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to ana.perez+x@mail.example.org, please", "email"),
        ("Escribe a peña@correo.es.", "email"),
        ("Llama al 612 345 678 mañana", "phone"),
        ("Tel. +34 612 34 56 78", "phone"),
        ("Call (555) 123-4567 or", "phone"),
        ("Fijo: 91 234 56 78", "phone"),
        ("cuenta ES91 2100 0418 4502 0005 1332 a nombre de", "iban"),
        ("IBAN GB82WEST12345698765432.", "iban"),
        ("card 4111 1111 1111 1111", "card"),
        ("tarjeta 5500-0000-0000-0004", "card"),
        ("DNI 12345678Z", "dni"),
        ("con DNI 12.345.678-Z", "dni"),
        ("NIE X1234567L", "nie"),
    ],
)
def test_personal_data_is_found(text: str, kind: str) -> None:
    assert [found for _, _, found in personal(text)] == [kind]
    trip = tripped(PII, "output", text)
    assert trip is not None
    assert f"[{kind}]" in trip.fixed


@pytest.mark.parametrize(
    "text",
    [
        "The total is 1,234,567.89 EUR for 2024-03-01.",
        "Total: 12.345.678,90 € el 3 de marzo de 2024",
        "Order 4111 1111 1111 1112 has no right check digit",
        "ES91 2100 0418 4502 0005 1333",
        "12345678A",
        "X1234567A",
        "version 10.11.12, page 600",
        "a @ b, and user@host",
        "id 0193f2b4-7c1d-7aa2-8f0e-0123456789ab",
    ],
)
def test_what_only_looks_like_personal_data_is_left(text: str) -> None:
    assert personal(text) == []


@given(st.integers(0, 99_999_999), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_of_all_letters_one_fits_a_dni(number: int, letter: str) -> None:
    assert is_dni(f"{number:08}{letter}") == (letter == LETTERS[number % 23])


@given(st.sampled_from("XYZ"), st.integers(0, 9_999_999))
def test_one_letter_fits_a_nie(first: str, number: int) -> None:
    fits = [letter for letter in LETTERS if is_nie(f"{first}{number:07}{letter}")]
    assert fits == [LETTERS[int(f"{'XYZ'.index(first)}{number:07}") % 23]]


@given(st.text("0123456789", min_size=12, max_size=18), st.integers(0, 9))
def test_one_last_digit_fits_a_card_and_a_changed_digit_never_does(body: str, other: int) -> None:
    fits = [digit for digit in "0123456789" if is_card(body + digit)]
    if len(set(body)) > 1:
        assert len(fits) == 1
        changed = body[:3] + str(other) + body[4:] + fits[0]
        assert is_card(changed) == (str(other) == body[3])


@given(st.text("0123456789", min_size=20, max_size=20), st.integers(1, 9), st.integers(0, 19))
def test_an_iban_with_right_check_digits_holds_and_none_with_another_digit(
    body: str, by: int, at: int
) -> None:
    remainder = int(body + "142800") % 97  # ES00 behind it
    iban = f"ES{98 - remainder:02}{body}"
    assert is_iban(iban)
    place = 4 + at
    changed = iban[:place] + str((int(iban[place]) + by) % 10) + iban[place + 1 :]
    assert not is_iban(changed)


@pytest.mark.parametrize(
    ("text", "kind", "secret"),
    [
        ("key AKIAIOSFODNN7EXAMPLE in use", "aws_key", "AKIAIOSFODNN7EXAMPLE"),
        ("ghp_" + "a1B2" * 9, "github_token", "a1B2a1B2"),
        ("use sk-proj-0123456789abcdef now", "api_key", "0123456789abcdef"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "jwt", "eyJzdWIi"),
        ("password: hunter2-hunter2", "password", "hunter2-hunter2"),
        ('{"api_key": "zzz12345"}', "password", "zzz12345"),
        ("la contraseña=secreto99", "password", "secreto99"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "private_key", "MIIE"),
        ("token is q8Zr3KxV0bT9mLw2Jd7HyP5s here", "random", "q8Zr3KxV0bT9mLw2Jd7HyP5s"),
        ("fmk_abcdef123456", "flowmatik_key", "fmk_abcdef"),
    ],
)
def test_secrets_are_found_and_never_named(text: str, kind: str, secret: str) -> None:
    trip = tripped(SECRETS, "output", {"rows": [text]})
    assert trip is not None
    assert kind in {found.kind for found in trip.findings}
    assert trip.findings[0].places == ("$.rows[0]",)
    assert secret not in canonical.dumps(trip.fixed)
    assert secret not in canonical.dumps(trip.findings)


@pytest.mark.parametrize(
    "text",
    [
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "0193f2b4-7c1d-7aa2-8f0e-0123456789ab",
        "https://example.org/documents/annual-report-2024/section-three.html",
        "InternationalizationOfTheSoftwareComponents",
        "cmp_eNoLdnVUMDQyNjE1M7dQ0A4uzc1NLapUKMlXKElNzgAAgXEJ3w",
        "the token: of our esteem",
    ],
)
def test_words_digests_and_ids_are_no_secrets(text: str) -> None:
    assert secrets_in(text) == []


MIXED = st.text(st.sampled_from("ab@.x 0123456789-+ES=:[]kK_/AIKpwd"), max_size=80)


@settings(deadline=None)
@given(
    st.recursive(MIXED, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MIXED, inner, max_size=3))
)
def test_what_is_fixed_once_is_left_as_it_is_the_second_time(value: Any) -> None:
    rails = (*PII, *SECRETS, Guardrail(check="length", max_characters=40, on_fail="fix"))
    trip = tripped(rails, "output", value)
    if trip is not None:
        again = tripped(rails, "output", trip.fixed)
        assert again is None or again.fixed == trip.fixed


@given(st.text(max_size=60), st.integers(1, 30))
@example("  00", 3)
def test_a_text_that_was_cut_fits(text: str, most: int) -> None:
    trip = tripped((Guardrail(check="length", max_characters=most, on_fail="fix"),), "output", text)
    assert len(text if trip is None else trip.fixed) <= most


FINDING: dict[str, Any] = {"found": True, "text": "El precio sube mucho este año.", "citations": []}


@pytest.mark.parametrize(
    ("rail", "value", "kind"),
    [
        (Guardrail(check="topic", words=("armas",)), "Las ARMAS son caras", "forbidden"),
        (Guardrail(check="topic", words=("fusión",)), "La fusion sigue", "forbidden"),
        (Guardrail(check="topic", words=("armas",)), "La armasol es cara", ""),
        (Guardrail(check="topic", allow=("invoice", "factura")), "The weather is fine", "off_topic"),
        (Guardrail(check="topic", allow=("invoice", "factura")), "Su factura está lista", ""),
        (Guardrail(check="length", max_characters=10), FINDING, "long"),
        (Guardrail(check="length", min_characters=100), FINDING, "short"),
        (Guardrail(check="length", max_characters=30), FINDING, ""),
        (Guardrail(check="schema", schema={"required": ["found"]}), FINDING, ""),
        (Guardrail(check="schema", schema={"required": ["id"]}), FINDING, "schema"),
        (Guardrail(check="toxicity"), "You are an idiot.", "insult"),
        (Guardrail(check="toxicity"), "Eres gilipollas", "insult"),
        (Guardrail(check="toxicity"), "An idiosyncratic asset, a diputado", ""),
        (Guardrail(check="toxicity", words=("zopenco",)), "¡Zopenco!", "insult"),
        (Guardrail(check="language", languages=("en",)), FINDING, "language"),
        (Guardrail(check="language", languages=("es",)), FINDING, ""),
        (Guardrail(check="language", languages=("es",)), "42", ""),
    ],
)
def test_each_validator_alone(rail: Guardrail, value: Any, kind: str) -> None:
    trip = tripped((rail,), "output", value)
    assert ([] if trip is None else [found.kind for found in trip.findings]) == ([kind] if kind else [])


def test_the_strongest_of_what_follows_holds_and_what_is_to_be_fixed_is_fixed_all_the_same() -> None:
    rails = (
        *PII,
        Guardrail(check="toxicity", on_fail="retry"),
        Guardrail(check="topic", words=("x",), on_fail="escalate"),
    )
    trip = tripped(rails, "output", "idiot, a@b.es, x")
    assert trip is not None
    assert (trip.action, trip.fixed) == ("escalate", "idiot, [email], x")
    assert hidden(rails, "output", "idiot, a@b.es, x") == "[…], [email], […]"


def test_a_guardrail_of_one_side_does_not_look_at_the_other() -> None:
    rail = Guardrail(check="pii", on="input", on_fail="fix")
    assert tripped((rail,), "output", "a@b.es") is None
    assert tripped((rail,), "input", "a@b.es") is not None


def test_names_of_members_are_looked_at_and_do_not_stand_in_places() -> None:
    trip = tripped(PII, "input", {"ana@example.org": {"tel": "612 345 678"}})
    assert trip is not None
    assert trip.fixed == {"[email]": {"tel": "[phone]"}}
    assert {place for found in trip.findings for place in found.places} == {"$", "$.[email].tel"}


@pytest.mark.parametrize(
    ("rail", "code"),
    [
        (Guardrail(check="pii", words=("x",)), "option"),
        (Guardrail(check="topic"), "needs"),
        (Guardrail(check="schema", schema={}, on_fail="fix"), "unfixable"),
        (Guardrail(check="topic", allow=("x",), on_fail="fix"), "unfixable"),
    ],
)
def test_a_guardrail_that_cannot_be_used_says_why(rail: Guardrail, code: str) -> None:
    fault = guardrail_fault(rail)
    assert fault is not None
    assert fault.code == f"guardrail.{code}"
