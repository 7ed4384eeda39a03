"""Passages embedded by an endpoint, over HTTP: what it gives, and what is left when it gives nothing."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flowmatik.memory import StoredMemory, build_memory, load_embedder
from flowmatik.memory.sync import AT_ONCE
from flowmatik.memory.vectors import PATIENCE
from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.integration.memory.support import StandingClock, best, ingest, outcomes

KEY = "sk-secret-0123456789"
TEXTS = {
    "gate": "# Gate\n\nThe gate opens at seven in the morning.",
    "tea": "# Tea\n\nTea is served at four.",
    "bike": "# Bike\n\nBikes stand in the yard.",
}


@asynccontextmanager
async def remembering(
    home: Path, server: OpenAIServer | str, *, model: str = "m", dimensions: int = 16
) -> AsyncGenerator[StoredMemory]:
    base_url = server if isinstance(server, str) else server.base_url
    embedder = load_embedder(
        "openai_compatible", {"base_url": base_url, "model": model, "dimension": dimensions, "api_key": KEY}
    )
    memory = build_memory(home / "memory.db", embedder=embedder, clock=StandingClock())
    try:
        yield memory
    finally:
        await memory.close()


@pytest.fixture
def docs(folder: Path) -> Path:
    for name, text in TEXTS.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


async def test_passages_and_questions_are_embedded_there_with_the_key(tmp_path: Path, docs: Path) -> None:
    with OpenAIServer(key=KEY) as server:
        async with remembering(tmp_path, server) as memory:
            assert [step.notices for step in await ingest(memory, docs)] == [()] * 3
            assert (await memory.status("default")).embedded == 3
            assert (await memory.status("default")).embedding_model == "m@16"
            found = await best(memory, "gate opens")
        assert found.source == "gate.md"
        assert dict(found.scores)["dense"] > 0.3
        assert [call["body"]["model"] for call in server.embedded] == ["m"] * 4
        assert server.embedded[-1]["body"]["input"] == ["gate opens"]
        assert server.calls == ()


@pytest.mark.parametrize(
    ("step", "code"),
    [
        (Step(kind="error", status=400), "model.embedding.refused"),
        (Step(kind="malformed"), "model.embedding.malformed"),
        (Step(kind="wrong_shape"), "model.embedding.malformed"),
        (Step(kind="truncated"), "model.embedding.unreachable"),
        (Step(dimensions=8), "model.dimension"),
    ],
)
async def test_a_document_without_vectors_is_whole_and_gets_them_at_the_next_ingest(
    step: Step, code: str, tmp_path: Path, docs: Path
) -> None:
    for number in range(5):
        (docs / f"more{number}.md").write_text(f"# More {number}\n\nThere is more of it.", encoding="utf-8")
    with OpenAIServer(embeddings=(step,)) as server:
        async with remembering(tmp_path, server) as memory:
            steps = await ingest(memory, docs)
            assert [one.outcome for one in steps] == ["added"] * 8
            assert [n.code for one in steps for n in one.notices] == ["document.no_vectors"] * 8
            assert [n.values["why"]["code"] for one in steps for n in one.notices] == [code] * 8
            asked = len(server.embedded)
            assert PATIENCE <= asked < PATIENCE + AT_ONCE, "then only those under way had been asked for"
            assert (await memory.status("default")).embedded == 0
            assert (await best(memory, "gate")).source == "gate.md"
    with OpenAIServer() as server:
        async with remembering(tmp_path, server) as memory:
            assert set((await outcomes(memory, docs)).values()) == {"updated"}
            assert (await memory.status("default")).embedded == 8


async def test_one_refused_document_costs_the_others_nothing(tmp_path: Path, docs: Path) -> None:
    with OpenAIServer(embeddings=(Step(), Step(kind="error", status=400), Step())) as server:
        async with remembering(tmp_path, server) as memory:
            assert sum(bool(step.notices) for step in await ingest(memory, docs)) == 1
            assert (await memory.status("default")).embedded == 2


async def test_a_wrong_key_is_named_and_never_shown(
    tmp_path: Path, docs: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with OpenAIServer(key="another") as server:
        async with remembering(tmp_path, server) as memory:
            steps = await ingest(memory, docs)
            assert {step.notices[0].values["why"]["code"] for step in steps} == {"model.embedding.key"}
            assert (await best(memory, "tea")).source == "tea.md"
    assert "search falls back to full text" in caplog.text
    assert KEY not in caplog.text + repr(steps)


async def test_an_endpoint_that_is_away_leaves_what_was_embedded(tmp_path: Path, docs: Path) -> None:
    with OpenAIServer() as server:
        async with remembering(tmp_path, server) as memory:
            await ingest(memory, docs)
    async with remembering(tmp_path, server) as memory:  # nothing answers at its address any more
        assert set((await outcomes(memory, docs)).values()) == {"unchanged"}
        assert (await memory.status("default")).embedded == 3
        assert (await best(memory, "bikes yard")).source == "bike.md"


async def test_another_model_finds_by_words_until_it_has_embedded_too(tmp_path: Path, docs: Path) -> None:
    with OpenAIServer(embeddings=(*[Step()] * 3, Step(dimensions=24))) as server:
        async with remembering(tmp_path, server) as memory:
            await ingest(memory, docs)
        async with remembering(tmp_path, server, model="other", dimensions=24) as memory:
            assert (await memory.status("default")).embedded == 0
            found = await best(memory, "tea served")
            assert (found.source, dict(found.scores)["dense"]) == ("tea.md", 0.0)
            assert set((await outcomes(memory, docs)).values()) == {"updated"}
            assert (await memory.status("default")).embedded == 3


async def test_another_model_that_is_away_does_not_throw_away_the_old_vectors(
    tmp_path: Path, docs: Path
) -> None:
    with OpenAIServer() as server:
        async with remembering(tmp_path, server) as memory:
            await ingest(memory, docs)
        async with remembering(tmp_path, server, model="other", dimensions=24) as memory:
            steps = await ingest(memory, docs)
            assert {step.outcome for step in steps} == {"unchanged"}
            assert all(step.notices for step in steps)
        async with remembering(tmp_path, server) as memory:
            assert (await memory.status("default")).embedded == 3
