"""Embeddings from an endpoint that the environment names, by the command line."""

import json
from pathlib import Path

import pytest

from flowmatik.testing.openai_server import OpenAIServer, Step
from tests.e2e.cli import environment, flowmatik, make_home

KEY = "sk-secret-0123456789"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = make_home(tmp_path / "home", "--no-examples")
    (made / "documents" / "gate.md").write_text("# Gate\n\nThe gate opens at seven.", encoding="utf-8")
    (made / "documents" / "tea.md").write_text("# Tea\n\nTea is served at four.", encoding="utf-8")
    return made


def of(server: OpenAIServer, **changes: str) -> dict[str, str]:
    given = {"BASE_URL": server.address, "MODEL": "m", "DIMENSIONS": "16", "API_KEY": KEY, **changes}
    return environment(**{f"FLOWMATIK_EMBEDDINGS_{name}": value for name, value in given.items()})


def test_documents_and_questions_go_to_the_endpoint(home: Path) -> None:
    with OpenAIServer(key=KEY) as server:
        env = of(server)
        taken = flowmatik("--home", str(home), "memory", "ingest", str(home / "documents"), env=env)
        assert taken.returncode == 0, taken.stderr
        status = flowmatik("--home", str(home), "--json", "memory", "status", env=env)
        assert json.loads(status.stdout)["embedding_model"] == "m@16"
        assert json.loads(status.stdout)["embedded"] == 2
        found = flowmatik("--home", str(home), "--json", "memory", "search", "gate opens", env=env)
        best = json.loads(found.stdout)["items"][0]
        assert best["source"] == "gate.md"
        assert dict(best["scores"])["dense"] > 0.3
        assert len(server.embedded) == 3


def test_one_note_says_what_was_not_embedded_and_why_without_the_key(home: Path) -> None:
    with OpenAIServer(embeddings=(Step(dimensions=8),)) as server:
        env, folder = of(server), str(home / "documents")
        taken = flowmatik("--home", str(home), "--lang", "es", "memory", "ingest", folder, env=env)
        doctor = flowmatik("--home", str(home), "doctor", env=env)
    assert taken.returncode == 0
    (note,) = [line for line in taken.stderr.splitlines() if line.startswith("Nota")]
    assert note == (
        "Nota sobre gate.md, tea.md: se encuentra solo por sus palabras hasta que se vuelva a ingerir: m ha "
        "enviado vectores de 8 números y se esperan de 16; corrige embeddings.dimensions y vuelve a ingerir"
    )
    assert doctor.returncode == 6
    assert "correct embeddings.dimensions" in doctor.stdout
    assert KEY not in taken.stderr + taken.stdout + doctor.stdout + doctor.stderr
