"""What somebody said is found by who said it and when, in conversations as they are written down."""

from datetime import date

import pytest

from flowmatik.memory.retrieval.question import understand
from flowmatik.memory.retrieval.speaking import said, speaker

TODAY = date(2026, 11, 29)
OURS = (
    "**Ana Ruiz** (2026-11-20 13:00): {ana}\n\n**Luis Gil** (2026-11-20 13:05): {luis}\n\n"
    "**Ana Ruiz** (2026-11-09 13:00): {before}"
)
WHATSAPP = (
    "20/11/2026, 13:00 - Ana Ruiz: {ana}\n20/11/26, 13:05 - Luis Gil: {luis}\n"
    "09/11/2026, 13:00 - Ana Ruiz: {before}"
)
APPLE = (
    "\u200e[20/11/26, 13:00:00] Ana Ruiz: {ana}\n[20/11/26, 13:05:10] Luis Gil: {luis}\n"
    "[9/11/26, 13:00:00] Ana Ruiz: {before}"
)
AMERICAN = (
    "[11/20/26, 1:00:00\u202fPM] Ana Ruiz: {ana}\n[11/20/26, 1:05:00 PM] Luis Gil: {luis}\n"
    "[11/9/26, 1:00:00 PM] Ana Ruiz: {before}"
)
_SENT = (("20", "Ana Ruiz", "{ana}"), ("20", "Luis Gil", "{luis}"), ("09", "Ana Ruiz", "{before}"))
TELEGRAM = "\n\n".join(
    f"id: 1\ntype: message\ndate: 2026-11-{day}T13:00:00\ndate_unixtime: 1795179600\n"
    f"from: {who}\nfrom_id: user0\ntext: {what}"
    for day, who, what in _SENT
)
IN_SPANISH = "¿Qué dijo Ana sobre el presupuesto de la cubierta la semana pasada?"
IN_ENGLISH = "What did ana say about the budget of the deck last week?"


def value(question: str, form: str, language: str, **texts: str) -> float:
    words = {"ana": "Yes.", "luis": "Yes.", "before": "Yes.", **texts}
    return said(understand(question, TODAY), speaker(question), form.format(**words), language)


@pytest.mark.parametrize(
    ("form", "language"),
    [*((form, "es") for form in (OURS, WHATSAPP, APPLE, TELEGRAM)), (OURS, "en"), (AMERICAN, "en")],
)
def test_who_said_it_and_when_counts(form: str, language: str) -> None:
    question = IN_SPANISH if language == "es" else IN_ENGLISH
    words = "El presupuesto de la cubierta vale." if language == "es" else "The budget of the deck is fine."
    then = value(question, form, language, ana=words)
    assert then > 2 * value(question, form, language, before=words) > 0
    assert value(question, form, language, luis=words) == 0


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What did Luis say about Ana?", "luis"),
        ("¿Qué opina ahora Luis de Ana?", "luis"),
        ("Luis dijo algo de Ana?", "luis"),
        ("what has been said by luis", "luis"),
    ],
)
def test_whom_it_is_about_did_not_say_it(question: str, name: str) -> None:
    assert name in speaker(question)
    assert "ana" not in speaker(question)


@pytest.mark.parametrize("question", ["Who is Ana?", "¿Cuánto cuesta la cubierta?", ""])
def test_other_questions_ask_for_nobody(question: str) -> None:
    assert speaker(question) == frozenset()


def test_texts_that_are_no_conversation_gain_nothing() -> None:
    text = "Ana says: the budget of the deck is fine. On 20/11/2026, 13:00 - nobody objected."
    assert said(understand("What did Ana say about the budget?"), frozenset({"ana"}), text, "en") == 0
