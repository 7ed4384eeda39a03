"""`local/extractive` through its port: what it says follows from the request alone."""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.answers import FINDING_SCHEMA
from flowmatik.contracts.models import Message, ModelReply, ModelRequest, TextDelta, ToolCall, ToolSchema
from flowmatik.integrations.models.gateway import Gateway, GatewaySettings
from flowmatik.kernel.clock import SystemClock

SEARCH = ToolSchema(name="memory_search", description="", parameters={"type": "object"})
ROSE = {
    "id": "p1",
    "source": "gardens.md",
    "title": "The gardens",
    "heading": "Roses",
    "text": "The rose garden was planted by Emily Hart in 1911. It opens at nine and closes at dusk.",
}
WELL = {
    "id": "p2",
    "source": "well.md",
    "title": "The well",
    "heading": "",
    "text": "The well is forty metres deep. Nobody has drunk from it for a century.",
}


def request(question: str, *results: Any, tools: tuple[ToolSchema, ...] = (SEARCH,)) -> ModelRequest:
    messages = [Message(role="user", content=question)]
    for n, result in enumerate(results):
        call = ToolCall(id=str(n), name=tools[0].name, arguments={})
        messages.append(Message(role="assistant", tool_calls=(call,)))
        messages.append(
            Message(role="tool", name=tools[0].name, tool_call_id=str(n), content=json.dumps(result))
        )
    return ModelRequest(
        model="local/extractive", messages=tuple(messages), tools=tools, output_schema=FINDING_SCHEMA
    )


async def say(asked: ModelRequest) -> ModelReply:
    return await Gateway(GatewaySettings(providers={}), SystemClock()).complete(asked)


async def finding_of(question: str, *results: dict[str, Any]) -> dict[str, Any]:
    """What it says after these searches; any more, such as one into documents of the other language, finds
    nothing."""
    found = list(results)
    while (reply := await say(request(question, *found))).tool_calls:
        assert len(found) < 3
        found.append({"passages": []})
    return json.loads(reply.text)


async def answer(question: str, passages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return await finding_of(question, {"passages": passages})


async def test_it_searches_first_with_the_objective() -> None:
    reply = await say(request("Who planted the rose garden?\n\nCriteria: cited"))
    [call] = reply.tool_calls
    assert call.name == "memory_search"
    assert call.arguments == {"query": "Who planted the rose garden?", "limit": 8}
    assert reply.cost_micros == 0


@pytest.mark.parametrize(
    ("question", "expected", "passage"),
    [
        ("Who planted the rose garden?", "Emily Hart", "p1"),
        ("When does the rose garden open?", "nine", "p1"),
        ("When was the rose garden planted?", "1911", "p1"),
        ("How deep is the well?", "forty metres", "p2"),
    ],
)
async def test_it_answers_from_the_passage_that_holds_the_answer(
    question: str, expected: str, passage: str
) -> None:
    finding = await answer(question, [ROSE, WELL])
    assert finding["found"]
    assert expected in finding["text"]
    assert "[1]" in finding["text"]
    assert passage in {citation["passage_id"] for citation in finding["citations"]}
    assert len(finding["text"]) <= 320


@pytest.mark.parametrize(
    ("question", "word"),
    [("What does a submarine licence cost?", "not"), ("¿Cuánto cuesta el submarino?", "No")],
)
async def test_it_says_so_when_the_passages_do_not_hold_it(question: str, word: str) -> None:
    finding = await answer(question, [ROSE, WELL])
    assert not finding["found"]
    assert finding["citations"] == []
    assert word in finding["text"].split()


async def test_nothing_found_by_the_search_is_nothing_found() -> None:
    assert not (await answer("Who planted the rose garden?", []))["found"]


def ticket(name: str, price: str, **more: Any) -> dict[str, Any]:
    text = f"The price of a museum ticket is {price} euros."
    return {
        "id": name,
        "source": f"{name}.md",
        "title": "Museum ticket prices",
        "heading": "",
        "text": text,
        **more,
    }


@pytest.mark.parametrize("newest_first", [True, False])
async def test_what_is_replaced_is_not_cited_unless_it_is_asked_for(newest_first: bool) -> None:
    old = ticket("tickets-2023", "8", effective="2023-01-01")
    new = ticket("tickets-2025", "11", effective="2025-01-01", replaces=["tickets-2023.md"])
    passages = [new, old] if newest_first else [old, new]
    now = await answer("What is the price of a museum ticket?", passages)
    assert {c["passage_id"] for c in now["citations"]} == {"tickets-2025"}
    before = await answer("What was the previous price of a museum ticket?", passages)
    assert "tickets-2023" in {c["passage_id"] for c in before["citations"]}


async def test_a_row_of_a_table_answers_with_its_own_cells() -> None:
    table = "| Size | Fee |\n| --- | --- |\n| Small boat | 40 |\n| Large boat | 95 |\n"
    passage = {"id": "t", "source": "fees.md", "title": "Mooring fees", "heading": "", "text": table}
    finding = await answer("What is the mooring fee for a large boat?", [passage])
    assert finding["text"] == "Size: Large boat; Fee: 95 [1]"
    assert [c["quote"] for c in finding["citations"]] == ["| Large boat | 95 |"]


async def test_figures_in_the_header_of_a_table_are_cited_too() -> None:
    table = "| Berth | Rate A2 |\n| --- | --- |\n| North quay | 14 |\n| South quay | 17 |\n"
    passage = {"id": "t", "source": "rates.md", "title": "Berth rates", "heading": "", "text": table}
    finding = await answer("What is the berth rate at the south quay?", [passage])
    assert finding["text"] == "Berth: South quay; Rate A2: 17 [1][2]"
    assert [c["quote"] for c in finding["citations"]] == ["| South quay | 17 |", "| Berth | Rate A2 |"]


SHOPS = {
    "id": "c",
    "source": "tiendas.csv",
    "title": "tiendas",
    "heading": "",
    "text": 'Tienda;Ciudad;Alquiler\nFaro;Vigo;"1.200,50"\nPlaza;Jaca;900\nMuelle;Vigo;750',
}


async def test_a_row_of_a_csv_answers_readably_and_quotes_its_line() -> None:
    finding = await answer("¿Qué alquiler paga la tienda Faro?", [SHOPS])
    assert finding["text"] == "Tienda: Faro; Ciudad: Vigo; Alquiler: 1.200,50 [1]"
    assert [c["quote"] for c in finding["citations"]] == ['Faro;Vigo;"1.200,50"']


@pytest.mark.parametrize(
    "question", ["¿Qué alquiler paga la tienda de Vigo?", "¿Qué alquiler pagan las tiendas?"]
)
async def test_a_row_of_a_csv_that_is_not_singled_out_is_no_answer(question: str) -> None:
    assert not (await answer(question, [SHOPS]))["found"]


SEVERITIES = {
    "id": "s",
    "source": "severities.md",
    "title": "Severities",
    "heading": "Response",
    "text": "A repair has a time by its severity:\n\n- S1: a repair within 4 hours.\n"
    "- S2: a repair within 9 hours.\n- S3: a repair within 30 hours.\n",
}


@pytest.mark.parametrize(("severity", "hours"), [("S1", 4), ("S2", 9), ("S3", 30)])
async def test_an_item_of_a_list_answers_without_its_neighbours(severity: str, hours: int) -> None:
    finding = await answer(f"How long may the repair of severity {severity} take?", [SEVERITIES, WELL])
    assert [c["quote"] for c in finding["citations"]] == [f"{severity}: a repair within {hours} hours."]


async def test_a_figure_of_the_thing_named_is_given_alone() -> None:
    text = "The Heron is delivered within 10 days. The Falcon is delivered within 20 days."
    passage = {"id": "d", "source": "d.md", "title": "Deliveries", "heading": "", "text": text}
    finding = await answer("How long does the delivery of a Falcon take?", [passage])
    assert "20 days" in finding["text"]
    assert "10 days" not in finding["text"]


async def test_what_happens_when_asks_for_no_time() -> None:
    text = "When the bell rings the doors are locked. The bell was cast in 1900."
    passage = {"id": "b", "source": "b.md", "title": "The bell", "heading": "", "text": text}
    finding = await answer("What happens when the bell rings?", [passage])
    assert "locked" in finding["text"]


SENTENCE = st.lists(
    st.sampled_from(
        ["garden", "rose", "well", "Emily", "Hart", "opened", "in", "1911,", "which", "deep", "(old"]
    ),
    min_size=1,
    max_size=90,
).map(lambda words: " ".join(words).capitalize() + ".")


@given(
    st.sampled_from(
        [
            "Who opened the rose garden?",
            "When was the garden opened?",
            "How deep is the well?",
            "What is old?",
        ]
    ),
    st.lists(st.lists(SENTENCE, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=3),
)
async def test_an_answer_has_at_most_two_quotes_and_300_characters(question: str, texts: list[str]) -> None:
    passages = [
        {"id": f"p{n}", "source": f"{n}.md", "title": "", "heading": "", "text": text}
        for n, text in enumerate(texts)
    ]
    finding = await answer(question, passages)
    assert len(finding["citations"]) <= 2
    assert len(re.sub(r"\s*\[\d+\]", "", finding["text"])) <= 300


LONG_STORY = (
    "The museum of the old harbour, which the guild of the ship carpenters founded in a shed behind the "
    "customs house when the last wooden schooner of the coast had been sold abroad for her copper, and "
    "which later moved to the rope walk because the shed had burnt down, opens at ten in the morning, but "
    "its library, whose catalogue nobody has ever finished, stays closed to the public all winter."
)


async def test_a_sentence_too_long_is_cut_to_what_answers_and_marked_where_it_goes_on() -> None:
    passage = {"id": "p1", "source": "harbour.md", "title": "", "heading": "", "text": LONG_STORY}
    finding = await answer("When does the museum of the old harbour open?", [passage])
    said = " ".join(citation["quote"] for citation in finding["citations"])
    assert "ten in the morning" in said
    assert len(said) < len(LONG_STORY)
    assert "… [1]" in finding["text"]
    assert all("…" not in citation["quote"] for citation in finding["citations"])


async def test_how_quickly_asks_for_a_duration() -> None:
    text = "The night crew answers every alarm. An alarm of the night is answered within 40 minutes."
    passage = {"id": "p1", "source": "alarms.md", "title": "", "heading": "", "text": text}
    finding = await answer("How quickly is an alarm answered by the night crew?", [passage])
    assert "40 minutes" in finding["text"]


TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=300)


@given(TEXT, st.lists(TEXT, max_size=4))
async def test_every_quote_is_verbatim_and_every_mark_has_its_citation(
    question: str, texts: list[str]
) -> None:
    passages = [
        {"id": f"p{n}", "source": f"{n}.md", "title": "", "heading": "", "text": text}
        for n, text in enumerate(texts)
    ]
    asked = request(question, {"passages": passages})
    assert await say(asked) == await say(asked)
    finding = await answer(question, passages)
    by_id = {p["id"]: p["text"] for p in passages}
    for n, citation in enumerate(finding["citations"], 1):
        assert citation["n"] == n
        assert f"[{n}]" in finding["text"]
        assert citation["quote"] in by_id[citation["passage_id"]]
    assert bool(finding["citations"]) == finding["found"]


async def test_the_writer_joins_findings_and_numbers_their_citations_anew() -> None:
    def part(task: str, text: str, passage: str) -> dict[str, Any]:
        citation = {"n": 1, "passage_id": passage, "quote": text}
        return {"task": task, "found": True, "text": f"{text} [1]", "citations": [citation]}

    missing: dict[str, Any] = {"task": "Who paid?", "found": False, "text": "Unknown.", "citations": []}
    material = {
        "goal": "Tell me of the garden",
        "findings": [part("a", "It is old.", "p1"), missing, part("b", "It is big.", "p2")],
    }
    asked = ModelRequest(
        model="local/extractive",
        messages=(Message(role="user", content=json.dumps(material)),),
        output_schema=FINDING_SCHEMA,
    )
    finding = json.loads((await say(asked)).text)
    assert finding["found"]
    assert finding["text"].startswith("It is old. [1] It is big. [2]")
    assert "Who paid" in finding["text"]
    assert [(c["n"], c["passage_id"]) for c in finding["citations"]] == [(1, "p1"), (2, "p2")]


@pytest.mark.parametrize(
    ("said", "word"), [("Write me a poem about the sea", "model"), ("Escríbeme un poema", "modelo")]
)
async def test_in_plain_talk_it_says_what_it_is(said: str, word: str) -> None:
    reply = await say(ModelRequest(model="local/extractive", messages=(Message(role="user", content=said),)))
    assert "local/extractive" in reply.text
    assert word in reply.text


async def test_its_stream_ends_with_the_reply() -> None:
    gateway = Gateway(GatewaySettings(providers={}), SystemClock())
    asked = ModelRequest(model="local/extractive", messages=(Message(role="user", content="Hello"),))
    *deltas, last = [item async for item in gateway.stream(asked)]
    assert isinstance(last, ModelReply)
    assert "".join(item.text for item in deltas if isinstance(item, TextDelta)) == last.text


DESCRIBE = ToolSchema(name="tables_describe", description="", parameters={"type": "object"})
QUERY = ToolSchema(name="tables_query", description="", parameters={"type": "object"})
BOATS = {
    "tables": [
        {
            "name": "boats.csv",
            "table": "boats",
            "columns": [
                {"name": "boat", "type": "VARCHAR", "values": ["Alba", "Nube"]},
                {"name": "fee", "type": "BIGINT"},
            ],
        }
    ]
}


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("What is the average fee by moonlight?", ("“moonlight”", "I can count")),
        ("¿Cuántos boats pagaron más de 40?", ("«más de 40»", "Puedo contar")),
    ],
)
async def test_what_the_tables_refuse_is_named_with_what_can_be_asked(
    question: str, parts: tuple[str, ...]
) -> None:
    asked = request(question, BOATS, tools=(DESCRIBE, QUERY))
    finding = json.loads((await say(asked)).text)
    assert not finding["found"]
    assert all(part in finding["text"] for part in parts), finding["text"]
    assert len(finding["text"]) <= 300


async def _after_refusal(question: str, passages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    refusal = "The tables do not answer this: I do not understand “roses”."
    told = f"{question}\n\nThe earlier attempt did not pass:\n- nothing was found with tables: {refusal}"
    return await answer(told, passages)


async def test_after_a_refusal_of_the_tables_only_a_document_that_says_it_all_answers() -> None:
    half = await _after_refusal("How many tulips of the rose garden were sold by Emily Hart?", [ROSE, WELL])
    assert half == {
        "found": False,
        "text": "The tables do not answer this: I do not understand “roses”.",
        "citations": [],
    }
    whole = await _after_refusal("How deep is the well?", [ROSE, WELL])
    assert whole["found"]
    assert "forty metres" in whole["text"]


async def test_the_part_of_a_goal_without_an_answer_is_named_in_the_goals_language() -> None:
    cited = {"n": 1, "passage_id": "p1", "quote": "Abre a las nueve."}
    found = {
        "task": "¿A qué hora abre?",
        "found": True,
        "text": "Abre a las nueve. [1]",
        "citations": [cited],
    }
    refusal = "Las tablas no responden a esto: no entiendo «más de 40»."
    lost: dict[str, Any] = {"found": False, "text": refusal, "citations": []}
    lost["task"] = "¿cuántas barcas pagan más de 40?"
    goal = "¿A qué hora abre y cuántas barcas pagan más de 40?"
    asked = ModelRequest(
        model="local/extractive",
        messages=(Message(role="user", content=json.dumps({"goal": goal, "findings": [found, lost]})),),
        output_schema=FINDING_SCHEMA,
    )
    written = json.loads((await say(asked)).text)
    assert written["found"]
    assert written["text"] == (
        "Abre a las nueve. [1] No he encontrado respuesta a: «cuántas barcas pagan más de …»."
        " Las tablas no responden a esto: no entiendo «más de …»."
    )


@pytest.mark.parametrize(
    ("question", "word"), [("¿Cuál es la fee total?", "Suma de fee"), ("total fee", "Sum of fee")]
)
async def test_a_figure_is_named_in_the_questions_language(question: str, word: str) -> None:
    result = {"rows": [[7]], "computation_id": "cmp_1", "summary": "sum_fee = 7"}
    call = Message(role="assistant", tool_calls=(ToolCall(id="1", name="tables_query", arguments={}),))
    told = Message(role="tool", name="tables_query", tool_call_id="1", content=json.dumps(result))
    before = request(question, BOATS, tools=(DESCRIBE, QUERY))
    asked = ModelRequest(
        model=before.model,
        messages=(*before.messages, call, told),
        tools=before.tools,
        output_schema=FINDING_SCHEMA,
    )
    assert json.loads((await say(asked)).text)["text"] == f"{word}: 7 [1]"


@pytest.mark.parametrize(("greeting", "begins"), [("hello", "I am"), ("hola", "Soy")])
async def test_small_talk_without_a_task_that_it_knows_is_refused(greeting: str, begins: str) -> None:
    asked = ModelRequest(model="local/extractive", messages=(Message(role="user", content=greeting),))
    reply = await say(asked)
    assert reply.finish == "refused"
    assert reply.text.startswith(begins)


WASH = "From 1 January 2026 a sail wash costs 56 euros. Until 31 December 2025 a sail wash costs 52 euros."
LAVADO = (
    "El lavado de velas cuesta 52 euros. Desde el 1 de enero de 2026 el lavado de velas cuesta 56 euros."
    " A partir del 1 de marzo de 2027 el lavado de velas cuesta 61 euros."
)


@pytest.mark.parametrize(
    ("question", "text", "today", "price"),
    [
        ("How much does a sail wash cost?", WASH, "2026-05-01", "56"),
        ("How much does a sail wash cost?", WASH, "2025-05-01", "52"),
        ("¿Cuánto cuesta el lavado de velas?", LAVADO, "2025-05-01", "52"),
        ("¿Cuánto cuesta ahora el lavado de velas?", LAVADO, "2026-05-01", "56"),
        ("¿Cuánto cuesta el lavado de velas?", LAVADO, "2027-05-01", "61"),
    ],
)
async def test_of_dated_statements_the_one_in_force_on_the_day_of_the_search_answers(
    question: str, text: str, today: str, price: str
) -> None:
    passage = {"id": "w", "source": "w.md", "title": "Sails", "heading": "", "text": text}
    finding = await finding_of(question, {"passages": [passage], "today": today})
    first = finding["citations"][0]["quote"]
    assert f"{price} eur" in first
    assert len(finding["citations"]) == 1


async def test_what_lasted_until_a_day_long_past_still_answers_when_nothing_says_the_same_of_today() -> None:
    text = "Corn was ground at the mill until 1931. The mill pond is forty metres long."
    passage = {"id": "m", "source": "m.md", "title": "The mill", "heading": "", "text": text}
    result = {"passages": [passage], "today": "2026-05-01"}
    finding = await finding_of("Until what year was corn ground at the mill?", result)
    assert [c["quote"] for c in finding["citations"]] == ["Corn was ground at the mill until 1931."]


async def test_a_document_that_is_not_in_force_yet_replaces_nothing() -> None:
    old = ticket("tickets-2025", "8", effective="2025-01-01")
    new = ticket("tickets-2027", "11", effective="2027-01-01", replaces=["tickets-2025.md"])
    for today, holds in (("2026-06-01", "tickets-2025"), ("2027-06-01", "tickets-2027")):
        result = {"passages": [old, new], "today": today}
        finding = await finding_of("What is the price of a museum ticket?", result)
        assert [c["passage_id"] for c in finding["citations"]] == [holds]
