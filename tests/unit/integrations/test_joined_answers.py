"""`local/extractive` on questions whose answer takes two passages: whom it follows, when it gives none."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.models import Message, ModelRequest, ToolCall, ToolSchema
from flowmatik.integrations.models.local.provider import LocalProvider

SEARCH = ToolSchema(name="memory_search", description="", parameters={"type": "object"})
Page = dict[str, Any]


def page(id: str, title: str, text: str, *, language: str = "en", score: float = 1.0) -> Page:
    return {
        "id": id,
        "source": f"{id}.txt",
        "title": id,
        "heading": "",
        "text": f"{title}\n{text}",
        "language": language,
        "score": score,
    }


LANTERN = page(
    "p1",
    "The Paper Lantern",
    "The Paper Lantern is a novel of 1962 by Dora Quillfeather. It sold few copies.",
)
DORA = page(
    "p2",
    "Dora Quillfeather",
    "Dora Quillfeather kept bees by the sea. She was born in Ostrava Bay.",
)
WEATHER = page("p3", "Weather of the coast", "It rains on most days of the autumn.", score=0.3)
FAROL = page("p1", "Farol Ámbar", "Farol Ámbar es una novela de Dora Quillfeather.", language="es")
BREMA = page(
    "p2",
    "Dora Quillfeather",
    "Dora Quillfeather criaba abejas junto al mar. Nació en Puerto Brema.",
    language="es",
)
MILL = page("p4", "Harrow Mill", "Harrow Mill is a wind museum that was opened in 1951.")
HALL = page("p5", "Brass Hall", "Brass Hall is a museum of bells that was opened in 1987.")
BARN = page("p6", "Tithe Barn", "Tithe Barn is a theatre that was opened in 1990.")
MOLINO = page("p4", "Molino Harro", "Molino Harro es un museo del viento que abrió en 1951.", language="es")
SALA = page("p5", "Sala Bronce", "Sala Bronce es un museo de campanas que abrió en 1987.", language="es")


async def ask(question: str, *searches: Sequence[Page]) -> tuple[dict[str, Any], list[str]]:
    """The finding, and what was searched for; searches beyond the given ones find nothing."""
    messages = [Message(role="user", content=question)]
    queries: list[str] = []
    while True:
        request = ModelRequest(
            model="local/extractive", messages=tuple(messages), tools=(SEARCH,), output_schema=FINDING_SCHEMA
        )
        reply = await LocalProvider().complete(request)
        if not reply.tool_calls:
            return json.loads(reply.text), queries
        [call] = reply.tool_calls
        queries.append(str((call.arguments or {})["query"]))
        found = list(searches[len(queries) - 1]) if len(queries) <= len(searches) else []
        id = str(len(queries))
        messages.append(
            Message(
                role="assistant", tool_calls=(ToolCall(id=id, name=SEARCH.name, arguments=call.arguments),)
            )
        )
        content = json.dumps({"passages": found, "today": "2026-05-01"})
        messages.append(Message(role="tool", name=SEARCH.name, tool_call_id=id, content=content))


def cited(finding: dict[str, Any]) -> set[str]:
    return {citation["passage_id"] for citation in finding["citations"]}


@pytest.mark.parametrize(
    ("question", "pages", "answer"),
    [
        ("Where was the author of The Paper Lantern born?", (LANTERN, DORA), "Ostrava Bay"),
        ("¿Dónde nació la autora de Farol Ámbar?", (FAROL, BREMA), "Puerto Brema"),
    ],
)
async def test_whom_the_first_passage_brings_in_is_searched_for_and_both_are_cited(
    question: str, pages: tuple[Page, Page], answer: str
) -> None:
    first, second = pages
    finding, queries = await ask(question, [first, WEATHER], [second])
    assert "Dora Quillfeather" in queries[1]
    assert answer in finding["text"]
    assert cited(finding) == {"p1", "p2"}
    assert len(finding["text"]) <= 300 + len("[1][2]  ")
    texts = {one["id"]: one["text"] for one in pages}
    assert all(citation["quote"] in texts[citation["passage_id"]] for citation in finding["citations"])


@pytest.mark.parametrize(
    ("question", "pages"),
    [
        ("Where was the author of The Paper Lantern born?", (LANTERN, WEATHER)),
        ("What did the sister of the author of The Paper Lantern breed?", (LANTERN, WEATHER)),
        ("¿Dónde nació la autora de Farol Ámbar?", (FAROL,)),
        ("Where was the author of The Paper Lantern born?", (WEATHER,)),
    ],
)
async def test_without_the_passage_of_the_second_hop_nothing_is_found(
    question: str, pages: tuple[Page, ...]
) -> None:
    finding, _ = await ask(question, pages, pages)
    assert not finding["found"]
    assert finding["citations"] == []


async def test_no_more_than_three_searches_are_made() -> None:
    people = [
        page(f"p{n}", f"Person {name}", f"Person {name} was the neighbour of Person {other}.")
        for n, (name, other) in enumerate([("Alder", "Birch"), ("Birch", "Cedar"), ("Cedar", "Elm")])
    ]
    _, queries = await ask("What did the neighbour of Person Alder breed?", *([one] for one in people), [])
    assert len(queries) <= 3
    assert len(set(queries)) == len(queries)


async def test_a_question_that_one_sentence_answers_is_searched_for_once() -> None:
    finding, queries = await ask("When was Harrow Mill opened?", [MILL, WEATHER])
    assert "1951" in finding["text"]
    assert len(queries) == 1


@pytest.mark.parametrize(
    ("question", "pages", "begins"),
    [
        ("Which was opened first, Harrow Mill or Brass Hall?", (MILL, HALL), "Harrow Mill:"),
        ("Which was opened first, Brass Hall or Harrow Mill?", (MILL, HALL), "Harrow Mill:"),
        ("Which was opened later, Harrow Mill or Brass Hall?", (MILL, HALL), "Brass Hall:"),
        ("¿Cuál abrió primero, Sala Bronce o Molino Harro?", (MOLINO, SALA), "Molino Harro:"),
        ("Which is a theatre, Harrow Mill or Tithe Barn?", (MILL, BARN), "Tithe Barn:"),
    ],
)
async def test_of_two_things_the_one_that_was_asked_for_is_named_with_what_shows_it(
    question: str, pages: tuple[Page, ...], begins: str
) -> None:
    finding, _ = await ask(question, pages)
    assert finding["text"].startswith(begins)
    assert cited(finding) == {one["id"] for one in pages}


@pytest.mark.parametrize(
    ("question", "pages", "begins"),
    [
        ("Are Harrow Mill and Brass Hall both museums?", (MILL, HALL), "Yes. "),
        ("Are Harrow Mill and Tithe Barn both museums?", (MILL, BARN), "No. "),
        ("¿Son Molino Harro y Sala Bronce ambos museos?", (MOLINO, SALA), "Sí. "),
    ],
)
async def test_whether_both_are_is_said_with_what_each_is(
    question: str, pages: tuple[Page, ...], begins: str
) -> None:
    finding, _ = await ask(question, pages)
    assert finding["text"].startswith(begins)
    assert cited(finding) == {one["id"] for one in pages}


@pytest.mark.parametrize(
    ("question", "pages"),
    [
        ("Are Harrow Mill and Brass Hall both museums?", (MILL, WEATHER)),
        ("Are Harrow Mill and Brass Hall both schools?", (MILL, HALL)),
        ("Are Harrow Mill and Brass Hall both in the same town?", (MILL, HALL)),
        ("Which was opened first, Harrow Mill or Brass Hall?", (MILL, WEATHER)),
        (
            "Which was opened first, Harrow Mill or Brass Hall?",
            (MILL, page("p5", "Brass Hall", "Brass Hall was opened in 1951.")),
        ),
    ],
)
async def test_what_is_not_clear_is_not_decided(question: str, pages: tuple[Page, ...]) -> None:
    finding, _ = await ask(question, pages)
    assert not finding["text"].startswith(("Yes", "No.", "Harrow Mill:", "Brass Hall:"))
