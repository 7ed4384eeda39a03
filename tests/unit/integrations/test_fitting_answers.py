"""Which sentence, line or row answers: of the thing named, of the kind asked for, in either language."""

from typing import Any

import pytest

from flowmatik.integrations.models.local import across
from tests.unit.integrations.test_local_model import answer, finding_of, request, say

PIANOS = (
    "| Piano | Keys | Weight | Hire per day | Fits |\n|---|---|---|---|---|\n"
    "| Nightingale | 88 | 240 kg | 65 € | church, hall |\n"
    "| Wren | 61 | 19 kg | 18 € | school |\n"
    "| Stage cover | – | 4 kg | 6 € | Nightingale, Wren |\n\n"
    "A Nightingale may be played by children who weigh 30 kg or more.\n"
)
MOORINGS = (
    "| Harbour | Winter |\n|---|---|\n| Galicia, except Vigo | 300 € |\n| Vigo | 420 € |\n| Gijón | 350 € |\n"
)


def passage(text: str, **more: str) -> dict[str, Any]:
    return {"id": "p", "source": "a.md", "title": "", "heading": "", "text": text, **more}


async def said(question: str, text: str, **more: str) -> str:
    """The answer without its marks; "" when nothing was found."""
    finding = await answer(question, [passage(text, **more)])
    return finding["text"] if finding["found"] else ""


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("How much does the Nightingale weigh?", "Piano: Nightingale; Keys: 88; Weight: 240 kg"),
        ("How heavy is the Wren?", "Piano: Wren; Keys: 61; Weight: 19 kg"),
    ],
)
async def test_the_row_of_the_thing_below_the_column_asked_for_answers(question: str, part: str) -> None:
    assert part in await said(question, PIANOS, title="Pianos for hire")


async def test_a_figure_of_another_column_is_no_sum_of_money() -> None:
    table = "| Piano | Tuner | Room |\n|---|---|---|\n| Wren | Olga Reyes | 12 |\n"
    assert await said("How much does the tuner of the Wren earn?", table, title="Pianos") == ""


async def test_a_row_that_excepts_what_is_named_is_not_of_it() -> None:
    question = "How much is the winter mooring in Vigo?"
    assert (await said(question, MOORINGS, title="Mooring")).startswith("Harbour: Vigo; Winter: 420 €")


async def test_a_row_needs_what_is_asked_beside_the_name_and_every_name() -> None:
    for question in ("Who tunes the Nightingale in Oslo?", "What is the varnish of the Wren?"):
        assert await said(question, PIANOS.split("\n\n", maxsplit=1)[0], title="Pianos") == ""


HEADED = (
    "Version: 3.1\nEffective from: 2025-02-01\nOwner: Ida Moss, archive\n\n"
    "The archive lends maps for a week. A lost map is reported to Olga Reyes.\n"
)


async def test_the_lines_that_head_a_document_answer_only_who_asks_for_them() -> None:
    assert "Version" not in await said("Who is told of a lost map?", HEADED, title="Maps")
    assert await said("What extension has Ida Moss?", HEADED, title="Maps") == ""
    owner = await said("Who is the owner of the maps?", HEADED, title="Maps")
    assert owner.startswith("Owner: Ida Moss")


async def test_one_line_with_a_colon_among_sentences_is_a_sentence() -> None:
    text = "Tower: closed since the storm of 1987.\nThe bells were sold."
    assert "storm" in await said("Since when is the tower closed?", text)


async def test_a_dictionary_of_columns_answers_only_what_a_column_means() -> None:
    table = "| Column | Meaning |\n|---|---|\n| keeper | Who fed the bear |\n"
    assert await said("Which keeper fed the bear?", table, title="Bears") == ""
    assert "Who fed the bear" in await said("What does the column keeper mean?", table, title="Bears")


async def test_a_sentence_that_sends_elsewhere_is_no_answer_unless_where_is_asked() -> None:
    text = "The closing times of the lido are in [lido.md](lido.md)."
    assert await said("When does the lido close?", text) == ""
    assert "lido.md" in await said("Where are the closing times of the lido?", text)


CREW = (
    "People from the ferry may rest for two weeks on the island. The ferry employs 31 people. "
    "A ticket of the ferry has four colours."
)


async def test_a_number_of_things_is_a_number_of_those_things() -> None:
    assert "31 people" in await said("How many people work on the ferry?", CREW)
    assert await said("How many dogs travel on the ferry?", CREW) == ""


async def test_a_price_is_a_sum_of_money_that_is_paid() -> None:
    text = "A kayak is 4 metres long and a kayak weighs 20 kg. A kayak costs 640 € with its paddle."
    assert "640 €" in await said("How much is a kayak?", text)
    assert await said("How much is a kayak?", text.partition(" A kayak costs")[0]) == ""


async def test_who_somebody_is_stands_behind_the_name() -> None:
    text = "- Ana Roig telephones the ward.\n- **Ana Roig**, head of the laundry, room 12.\n"
    assert "head of the laundry" in await said("Who is Ana Roig?", text, heading="Staff")


async def test_what_to_do_is_a_step_for_that_case() -> None:
    text = (
        "| Level | Example |\n|---|---|\n| Red | A boiler with steam |\n\n"
        "1. If the boiler has no steam, open the lid.\n2. If the boiler gives off steam, close the tap.\n"
    )
    answered = await said("What should I do if the boiler gives off steam?", text, heading="The boiler")
    assert "close the tap" in answered
    assert "open the lid" not in answered
    assert "Red" not in answered


async def test_a_phrase_without_a_question_word_prefers_its_words_side_by_side() -> None:
    text = "La hora de vuelo cuesta 90 €. Quien aprende hace un vuelo de cuatro horas y otro de una hora."
    assert "90 €" in await said("Hora de vuelo", text)


async def test_a_pronoun_brings_the_sentence_that_says_who_is_meant() -> None:
    text = "Olga Reyes runs the museum. She signs the loans of paintings to other museums."
    answered = await said("Who signs the loans of paintings?", text)
    assert answered.startswith("Olga Reyes runs the museum.")


@pytest.mark.parametrize(
    "question", ["What is the range of the Condor?", "Compare the Nightingale and the Wren"]
)
async def test_unknown_names_and_comparisons_are_refused(question: str) -> None:
    text = "The range of a stage piano is seven octaves. The Nightingale and the Wren are pianos."
    assert await said(question, text) == ""


async def test_the_most_of_all_has_to_be_said_to_be() -> None:
    text = "The Wren is an easy piano for a school. The Nightingale is the heaviest piano of the house."
    assert "Nightingale" in await said("Which piano is the heaviest?", text)
    assert await said("Which piano is the cheapest of the school?", text) == ""


PRESS = passage(
    "Only Olga Reyes speaks to journalists. The archive is closed.", language="en", source="town.md"
)
ESPANOL = passage("El museo abre los lunes. La sala es grande.", language="es", source="museo.md", id="q")


async def test_where_the_questions_language_says_little_the_other_one_is_searched() -> None:
    question = "¿Quién puede hablar con periodistas?"
    [call] = (await say(request(question, {"passages": [ESPANOL]}))).tool_calls
    assert call.name == "memory_search"
    assert {"journalist", "journalists"} <= set(str((call.arguments or {})["query"]).split())
    finding = await finding_of(question, {"passages": [ESPANOL]}, {"passages": [PRESS]})
    assert [c["quote"] for c in finding["citations"]] == ["Only Olga Reyes speaks to journalists."]


async def test_the_second_search_reads_only_documents_of_the_other_language() -> None:
    finding = await finding_of(
        "¿Quién puede hablar con periodistas?",
        {"passages": [ESPANOL]},
        {"passages": [{**PRESS, "language": "es"}]},
    )
    assert not finding["found"]


async def test_a_second_search_that_fails_is_not_made_again() -> None:
    finding = await finding_of("Who speaks to journalists?", {"passages": []}, {"error": "away"})
    assert not finding["found"]


def test_words_of_latin_are_known_by_their_ending_in_the_other_language() -> None:
    assert across.query("¿Qué satisfacción tiene la universidad?") == "satisfaction university"
    assert across.query("Which tradition has a sanctuary?") == "tradicion sanctuario"


def test_words_that_no_dictionary_has_are_not_searched_for_again() -> None:
    assert across.query("Xyzzy plugh?") == ""
