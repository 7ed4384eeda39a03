"""Conversations: what answers a question has few of its words, and stands after it."""

from pathlib import Path

import pytest

from flowmatik.contracts.memory import DocumentLabels, Passage
from flowmatik.memory import StoredMemory
from tests.integration.memory.support import ingest

TALK = (
    "Ana: Good morning! The boat is back in the water.",
    "Luis: Lovely. I finished painting the kitchen.",
    "Ana: How long have you and Marta been married?",
    "Luis: Five years already! Time flies. [shares a photo of a garden]",
    "Ana: My sister has been to the harbour with her dogs.",
    "Luis: Which colour did the neighbours choose for their door? 🙂",
    "Ana: Green, like the shutters.",
    "Luis: I have been married to my work this week.",
)
QUESTION = "How long have Luis and Marta been married?"
NOTES = ("The boat is in the water.", "Rain until noon.", "The harbour was full of dogs.", "A quiet day.")


def written(folder: Path, names: str, texts: tuple[str, ...]) -> None:
    for number, text in enumerate(texts, start=9):
        (folder / names.format(number)).write_text(text, encoding="utf-8")


async def found_for(memory: StoredMemory, question: str) -> list[Passage]:
    return await memory.search("default", question, limit=20)


@pytest.mark.parametrize("names", ["{:04}.txt", "message-{}.txt"])
async def test_the_message_after_one_that_asks_is_found_as_its_answer(
    memory: StoredMemory, folder: Path, names: str
) -> None:
    written(folder, names, TALK)
    await ingest(memory, folder)
    found = await found_for(memory, QUESTION)
    asking = next(one for one in found[:2] if one.text == TALK[2])
    answer = next(one for one in found[:2] if one.text == TALK[3])
    (why,) = [one for one in answer.why if one.kind == "answer"]
    assert (why.via, why.value > 0) == (asking.id, True)


async def test_a_question_ends_where_only_signs_and_remarks_follow(
    memory: StoredMemory, folder: Path
) -> None:
    written(folder, "{:04}.txt", TALK)
    await ingest(memory, folder)
    found = await found_for(memory, "What colour did the neighbours choose for the door?")
    assert TALK[6] in [one.text for one in found[:2]]


async def test_messages_that_are_not_numbered_one_after_the_other_answer_nothing(
    memory: StoredMemory, folder: Path
) -> None:
    for name, text in zip("abcdefgh", TALK, strict=True):
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    await ingest(memory, folder)
    assert not [one for one in await found_for(memory, QUESTION) for why in one.why if why.kind == "answer"]


async def test_in_one_document_the_next_passage_answers(memory: StoredMemory, folder: Path) -> None:
    parts = [f"## Minute {number}\n\n{text}" for number, text in enumerate(TALK)]
    (folder / "interview.md").write_text("\n\n".join(["# Interview", *parts]), encoding="utf-8")
    await ingest(memory, folder)
    found = await found_for(memory, QUESTION)
    assert found[0].text == TALK[2] or found[1].text == TALK[2]
    assert TALK[3] in [one.text for one in found[:2]]


async def test_an_answer_that_somebody_may_not_see_is_not_found_by_its_question(
    memory: StoredMemory, folder: Path
) -> None:
    written(folder, "{:04}.txt", TALK)
    await ingest(memory, folder)
    labels = DocumentLabels(acl=("user:luis",))
    async for _ in memory.ingest("default", [folder / "0012.txt"], labels=labels):
        pass
    everybody = await memory.search("default", QUESTION, limit=20, on_behalf=frozenset({"user:ana"}))
    assert TALK[2] in [one.text for one in everybody]
    assert TALK[3] not in [one.text for one in everybody]
    assert not [why for one in everybody for why in one.why if why.kind == "answer" and why.value > 0.3]
    luis = await memory.search("default", QUESTION, limit=20, on_behalf=frozenset({"user:luis"}))
    assert TALK[3] in [one.text for one in luis[:2]]


async def test_one_question_among_many_numbered_notes_makes_them_no_conversation(
    memory: StoredMemory, folder: Path
) -> None:
    written(folder, "{:04}.txt", (*NOTES * 12, "Is the boat in the water of the harbour?", "Nothing."))
    await ingest(memory, folder)
    found = await found_for(memory, "Is the boat in the water of the harbour?")
    gained = [why.value for one in found for why in one.why if why.kind == "answer"]
    assert all(value < 0.1 for value in gained)
    assert found[1].text == NOTES[0]
