import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from flowmatik.memory import analysis, language

EXAMPLES = Path(__file__).parents[3] / "examples"


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


@pytest.mark.parametrize(
    ("text", "folded"),
    [("e\u0301", "e"), ("n\u0303\u0301", "ñ"), ("n\u0323\u0303", "n"), ("\u0303n", "n"), ("Ǔ각", "u각")],
)
def test_accents_go_in_whatever_order_they_are_written(text: str, folded: str) -> None:
    assert language.fold(text) == folded


def test_a_text_that_was_folded_is_held_by_nobody() -> None:
    text = "".join(("a\u0301", "x" * 10_000))
    before = sys.getrefcount(text)
    assert language.stream_safe(text) == text
    assert sys.getrefcount(text) == before


def test_forms_of_a_word_share_a_term_in_its_language() -> None:
    assert analysis.stem("factura", "es") == analysis.stem("facturas", "es")
    assert analysis.stem("repairs", "en") == analysis.stem("repaired", "en")
    assert analysis.stem("instalación", "es") == analysis.stem("instalacion", "es")


def test_a_question_reaches_each_language_by_its_own_stem_without_stop_words() -> None:
    groups = analysis.query_terms("¿Cuánto cuestan las baterías?", "es")
    assert [group[:2] for group in groups] == [("es:cuest", "en:cuestan"), ("es:bat", "en:bateria")]
    assert {tuple(term[:3] for term in group) for group in groups} == {
        ("es:", "en:", "pt:", "fr:", "de:", "it:")
    }


@pytest.mark.parametrize(
    ("code", "stop_word", "written", "asked"),
    [
        ("pt", "não", "navegações", "navegação"),
        ("fr", "les", "chevaux", "cheval"),
        ("de", "nicht", "Häuser", "Häusern"),
        ("it", "perché", "abbandonata", "abbandonate"),
    ],
)
def test_a_passage_of_a_neighbouring_language_is_found_by_other_forms_of_its_words(
    code: str, stop_word: str, written: str, asked: str
) -> None:
    indexed = analysis.terms(f"{stop_word} {written}", code)
    assert [term.split(":")[0] for term in indexed] == [code]
    (group,) = analysis.query_terms(asked, "")
    assert set(indexed) & set(group)


def test_a_question_of_stop_words_only_keeps_them() -> None:
    assert analysis.query_terms("to be or not to be", "en")


def test_a_passage_of_unknown_language_is_indexed_in_both() -> None:
    assert {term.split(":")[0] for term in analysis.terms("order_id quantity", "")} == {"es", "en"}
    assert {term.split(":")[0] for term in analysis.terms("order_id quantity", "en")} == {"en"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            "Os barcos não saem do porto quando há vento, e isso é uma regra que já ninguém discute.",
            "pt",
        ),
        ("Les bateaux ne sont pas dans le port, et nous avons attendu avec les autres sur le quai.", "fr"),
        ("Die Boote sind nicht im Hafen, und wir haben mit den anderen auf dem Steg gewartet.", "de"),
        (
            "Le barche non sono nel porto e gli altri hanno aspettato sulla banchina perché è tardi.",
            "it",
        ),
        ("Los barcos no salen del puerto cuando hay viento, y eso es una regla que ya nadie discute.", "es"),
        ("The boats do not leave the port in a wind, and that is a rule that nobody argues about.", "en"),
        ("El señor da Silva y la señora du Pont llegaron a Das Boot con un amigo de Il Gusto.", "es"),
        (
            "The crew of Das Boot met the owners of Le Monde and La Stampa in the harbour.",
            "en",
        ),
        ("Wann wird das Haus des Besitzers geschlossen?", "de"),
        ("Où sont les bateaux du port ?", "fr"),
        ("Who sings La vie en rose in Das Boot?", ""),
        ("¿Quién canta La vie en rose?", "es"),
    ],
)
def test_neighbouring_languages_are_told_from_spanish_and_english(text: str, code: str) -> None:
    assert language.detect(text) == code


@pytest.mark.parametrize("name", ["english", "french", "german", "italian", "portuguese", "spanish"])
def test_stems_are_the_same_with_the_library_in_c_and_without_it(name: str) -> None:
    """So that an index that was made with one is read with the other."""
    module = import_module(f"snowballstemmer.{name}_stemmer")
    plain: Any = getattr(module, f"{name.capitalize()}Stemmer")()
    library: Any = import_module("snowballstemmer")
    chosen = library.stemmer(name)
    texts = (path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.md"))
    found = {word.casefold() for text in texts for word in analysis.words(text)}
    found = found.union(*language.STOP_WORDS.values(), *language.OTHERS.values())
    assert len(found) > 1000
    assert {w: chosen.stemWord(w) for w in found} == {w: plain.stemWord(w) for w in found}


def test_half_of_a_character_has_no_stem_and_is_no_error() -> None:
    assert analysis.stem("facturas\ud800", "es") == "facturas\ud800"


@pytest.mark.parametrize(
    ("emoji", "found"),
    [
        ("🚀", ["🚀"]),
        ("👩\u200d💻", ["👩\u200d💻"]),
        ("👨\u200d👩\u200d👧\u200d👦", ["👨\u200d👩\u200d👧\u200d👦"]),
        ("🏳\ufe0f\u200d🌈", ["🏳\u200d🌈"]),
        ("👍🏽", ["👍🏽", "👍"]),
        ("🤦🏽\u200d♀\ufe0f", ["🤦🏽\u200d♀", "🤦\u200d♀"]),
        ("🇪🇸", ["🇪🇸"]),
        ("🇪🇸🇬🇧", ["🇪🇸", "🇬🇧"]),
        ("🏴\U000e0067\U000e0062\U000e007f", ["🏴\U000e0067\U000e0062\U000e007f"]),
        ("1\ufe0f\u20e3", ["1", "1\u20e3"]),
        ("❤\ufe0f", ["❤"]),
    ],
)
def test_an_emoji_is_one_word_however_many_signs_it_is_made_of(emoji: str, found: list[str]) -> None:
    assert analysis.words(emoji) == found
    assert analysis.words(f"Two words {emoji}here") == ["Two", "words", *found, "here"]
    for term in analysis.terms(emoji, "en"):
        assert term.removeprefix("en:").isalnum()
        assert term.isascii()


@pytest.mark.parametrize("text", ["C++ → €5 © ™ ✓ 20 % “quoted” ½ ☐", "Ñandú y l'été, e\u0301", "日本語 🄰"])
def test_signs_that_are_no_emoji_are_no_words(text: str) -> None:
    assert analysis.words(text) == [word.split("'")[0] for word in language.WORD.findall(text)]
