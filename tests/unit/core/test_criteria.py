"""Success criteria, each alone, in both languages."""

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.app.texts import Texts, load_texts
from flowmatik.contracts.criteria import Action, Claim, Policy
from flowmatik.core.criteria.claims import claimed
from flowmatik.core.criteria.rules import broken_rule
from flowmatik.core.criteria.said import ENGLISH
from flowmatik.core.criteria.sums import calculations_in
from flowmatik.core.criteria.support import revised, unsupported
from flowmatik.core.reading.schema import fault_in

PASSAGE = (
    "The contract of 3 March 2024 with Acme Ltd. is worth 1,200 EUR. Ana García signs it, and three people "
    "pay 15 % of it."
)
OTHER = "Eva Luna left Acme on 1/2/2023."


@pytest.mark.parametrize(
    "text",
    [
        "The contract is worth 1.200 EUR [1].",
        "It was made on 2024-03-03 [1].",
        "Es del 3 de marzo de 2024 [1].",
        "Es del 3/3/2024 y vale 1200,00 [1].",
        "Ana García signs it for Acme [1].",
        "3 people pay it [1].",
        "Acme's contract [1] is Ana's [1].",
        "The contract is worth 1,200 EUR. [1] Ana signs it. [1]",
        "Nothing to look up here.",
        "Eva Luna left on 1 February 2023 [2].",
    ],
)
def test_what_stands_in_the_cited_passages_is_supported(text: str) -> None:
    assert unsupported(text, {1: PASSAGE, 2: OTHER})[1] == []


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("The contract is worth 1.300 EUR [1].", ("1.300",)),
        ("It was made on 4 March 2024 [1].", ("4 march 2024",)),
        ("Es del 3 de marzo de 2025 [1].", ("3 de marzo de 2025",)),
        ("It is signed by Luis Vega [1].", ("Luis", "Vega")),
        ("Lo firma Luis [1].", ("Luis",)),
        ("Eva signs it [1].", ("Eva",)),  # a name, as the other passage shows
        ("The contract pays 16 % [1].", ("16",)),
        ("It ends in 2030.", ("2030",)),
        ("Ana signs it [2].", ("Ana",)),
    ],
)
def test_what_was_changed_or_made_up_is_found(text: str, what: tuple[str, ...]) -> None:
    around = ("Is it true that Ana signs, Sr. Vega?",)
    (loose,) = unsupported(text, {1: PASSAGE, 2: f"As we said, {OTHER}"}, around)[1]
    assert loose.what == what


def test_unsupported_sentences_are_marked_or_left_out_and_the_answer_says_so() -> None:
    text = "It is worth 1,200 EUR [1]. It ends in 2030 [1]. Ana signs it [1]."
    loose = unsupported(text, {1: PASSAGE})[1]
    assert revised(text, loose, "mark", "en") == (
        "It is worth 1,200 EUR [1]. It ends in 2030 [1]. [unsupported] Ana signs it [1].\n\n"
        "1 sentence is marked: what it cites does not support it."
    )
    assert revised(text, loose, "drop", "es") == (
        "It is worth 1,200 EUR [1]. Ana signs it [1].\n\n"
        "Se ha omitido 1 frase: lo que citaba no la respaldaba."
    )
    only = unsupported("It ends in 2030 [1].", {1: PASSAGE})[1]
    assert revised("It ends in 2030 [1].", only, "drop", "en") == ""


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("I have sent the email to Ana.", "sent"),
        ("I've just emailed her.", "sent"),
        ("The message was successfully sent.", "sent"),
        ("Email sent.", "sent"),
        ("Done: email sent to Ana.", "sent"),
        ("He enviado el correo.", "sent"),
        ("Se ha enviado el correo a Ana.", "sent"),
        ("El informe se envió ayer.", "sent"),
        ("Le envié el informe.", "sent"),
        ("Correo enviado a Ana.", "sent"),
        ("Se lo he mandado.", "sent"),
        ("The ticket has been created.", "created"),
        ("Hemos creado la ficha.", "created"),
        ("We booked the room.", "booked"),
        ("La mesa fue reservada.", "booked"),
        ("I deleted it.", "deleted"),
        ("Se ha pagado la factura.", "paid"),
        ("El artículo ha sido publicado.", "published"),
        ("I updated the record.", "updated"),
        ("Hemos llamado al cliente.", "called"),
    ],
)
def test_claims_are_heard(text: str, action: Action) -> None:
    assert claimed(text, Claim(action=action, tools=("t",)))


@pytest.mark.parametrize(
    "text",
    [
        "The email could not be sent.",
        "I have not sent it.",
        "I didn't send it.",
        "I was unable to send it.",
        "I will send the email; it will be sent tomorrow.",
        "No se ha enviado el correo.",
        "El correo será enviado mañana.",
        "Voy a enviar el correo.",
        "Nunca envié nada.",
        "If the email was sent, say so.",
        "Has the email been sent?",
        "¿Se ha enviado el correo?",
        "Ana sent the email to Bob [1].",
        "The invoices are sent on Friday.",
        "The sender is Ana.",
    ],
)
def test_plans_questions_refusals_and_what_documents_say_are_no_claims(text: str) -> None:
    assert claimed(text, Claim(action="sent", tools=("t",))) == ""


def test_a_profile_may_know_more_words_for_it() -> None:
    claim = Claim(action="sent", tools=("t",), words=("ya lo tiene",))
    assert claimed("Ana ya lo tiene en su buzón.", claim) == "ya lo tiene"


@pytest.mark.parametrize(
    "text",
    [
        "12 + 30 = 42", "1.200 + 300 = 1.500 €", "1,200 + 300 = 1,500", "1.200,50 + 0,50 = 1.201",
        "2 + 3 × 4 = 14",
        "10 / 3 = 3.33", "50 / 200 = 25%", "-5 + 3 = -2", "5 + -3 = 2", "3 x 19.99 = 59.97",
        "100 - 20 - 5 = 75",
        "The sum of 12, 30 and 5 is 47.",
        "La suma de 12, 30 y 5 es 47.", "15% of 200 is 30", "El 15 % de 200 son 30",
        "The difference between 10 and 4 is 6", "La diferencia entre 10 y 4 es de 6", "50 is 25% of 200",
        "50 es el 25 % de 200", "an increase from 200 to 250, that is 25%", "bajó de 200 a 150, un 25 %",
        "1 / 3 ≈ 0.3", "(1+1) + 2 + 3 = 9 is left alone", "on 2024-03-01 = a Friday", "2 + 3 = 4 + 1",
    ],
)  # fmt: skip
def test_right_calculations_pass(text: str) -> None:
    assert [one.text for one in calculations_in(text) if not one.right] == []


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("12 + 30 = 43", "42"),
        ("1.200 + 300 = 1.501", "1500"),
        ("10/3 = 3.34", "3.333333"),
        ("La suma de 12, 30 y 5 es 48.", "47"),
        ("The sum of 12 and 30 is 41.", "42"),
        ("El 15 % de 200 es 31", "30"),
        ("La diferencia entre 10 y 4 es de 7", "6"),
        ("50 is 26% of 200", "25"),
        ("un aumento de 200 a 250, es decir, del 20 %", "25"),
        ("0,1 + 0,2 = 0,4", "0,3"),
    ],
)
def test_wrong_calculations_are_made_again(text: str, result: str) -> None:
    assert [one.result for one in calculations_in(text) if not one.right] == [result]


@given(st.integers(-9999, 9999), st.integers(0, 9999), st.integers(-3, 3))
def test_a_sum_passes_when_and_only_when_it_is_right(a: int, b: int, off: int) -> None:
    (one,) = calculations_in(f"So {a} + {b} = {a + b + off}.")
    assert one.right == (off == 0)


@pytest.mark.parametrize(
    ("policy", "text", "code"),
    [
        (Policy(check="policy", forbid=("garantizado",)), "Está GARANTIZADO.", "forbidden"),
        (Policy(check="policy", require=("not advice",)), "It is good.", "missing"),
        (Policy(check="policy", require=("not  advice",)), "It is good, not\nadvice.", ""),
        (Policy(check="policy", topics=("refund",)), "The weather", "off_topic"),
        (Policy(check="policy", max_characters=5), "longer", "long"),
        (Policy(check="policy", min_characters=50), "short", "short"),
        (Policy(check="policy", language="es"), "This is not what they asked for.", "language"),
        (Policy(check="policy", language="es"), "Esto es lo que se pidió.", ""),
    ],
)
def test_policies(policy: Policy, text: str, code: str) -> None:
    broken = broken_rule(policy, text)
    assert (broken[0] if broken else "") == code


def test_a_fault_of_a_schema_quotes_nothing_of_the_value() -> None:
    schema = {"properties": {"id": {"type": "integer"}}}
    fault = fault_in(schema, {"id": "secret-value"})
    assert fault is not None
    assert "secret" not in str(fault)
    assert fault_in(schema, {"id": 1}) is None
    remote = fault_in({"$ref": "http://127.0.0.1:9/x"}, 1)
    assert remote is not None
    assert remote["code"] == "schema.unusable"


@pytest.mark.parametrize("language", ["en", "es"])
def test_every_check_has_a_text_with_the_same_names(language: str) -> None:
    entries = load_texts(language)
    for key, english in ENGLISH.items():
        said = {name for _, name, _, _ in Formatter().parse(entries[f"check.{key}"]) if name}
        known = {name for _, name, _, _ in Formatter().parse(english) if name}
        assert {name.partition(":")[0] for name in said} == known, key
    assert Texts(language)("check.judge")
