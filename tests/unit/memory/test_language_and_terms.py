import pytest

from flowmatik.memory import analysis, language


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("¿Cuánto tarda en llegar el pedido?", "es"),
        ("How long does the order take to arrive?", "en"),
        ("Mula B750", ""),
        ("", ""),
        ("The plan is good pero no sé si es para todos los clientes", "es"),
    ],
)
def test_language_is_told_by_stop_words_or_left_open(text: str, expected: str) -> None:
    assert language.detect(text) == expected


def test_folding_drops_accents_and_keeps_the_letter_enye() -> None:
    assert language.fold("AÑO Canción Übung") == "año cancion ubung"


def test_forms_of_a_word_share_a_term_in_its_language() -> None:
    assert analysis.stem("factura", "es") == analysis.stem("facturas", "es")
    assert analysis.stem("repairs", "en") == analysis.stem("repaired", "en")
    assert analysis.stem("instalación", "es") == analysis.stem("instalacion", "es")


def test_a_question_reaches_each_language_by_its_own_stem_without_stop_words() -> None:
    groups = analysis.query_terms("¿Cuánto cuestan las baterías?", "es")
    assert groups == [("es:cuest", "en:cuestan"), ("es:bat", "en:bateria")]


def test_a_question_of_stop_words_only_keeps_them() -> None:
    assert analysis.query_terms("to be or not to be", "en")


def test_a_passage_of_unknown_language_is_indexed_in_both() -> None:
    assert {term.split(":")[0] for term in analysis.terms("order_id quantity", "")} == {"es", "en"}
    assert {term.split(":")[0] for term in analysis.terms("order_id quantity", "en")} == {"en"}
