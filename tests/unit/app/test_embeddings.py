"""Which embedder the settings ask for."""

from pathlib import Path

import pytest

from flowmatik.app.embeddings import embedder_of
from flowmatik.app.settings import load_settings

ENDPOINT = {
    "FLOWMATIK_EMBEDDINGS_BASE_URL": "http://e/v1",
    "FLOWMATIK_EMBEDDINGS_MODEL": "m",
    "FLOWMATIK_EMBEDDINGS_DIMENSIONS": "8",
}


@pytest.mark.parametrize(
    ("environment", "embedder"),
    [
        ({}, "all-MiniLM-L6-v2"),
        (ENDPOINT, "m@8"),
        ({**ENDPOINT, "FLOWMATIK_EMBEDDINGS": "false"}, None),
        ({"FLOWMATIK_EMBEDDINGS": "false"}, None),
    ],
)
def test_an_endpoint_that_is_set_replaces_the_model_that_came_along(
    environment: dict[str, str], embedder: str | None, tmp_path: Path
) -> None:
    built = embedder_of(load_settings(tmp_path, environment))
    assert (built.id if built else None) == embedder
