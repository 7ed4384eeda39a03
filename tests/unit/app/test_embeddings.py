"""Which embedder the settings ask for."""

from pathlib import Path

import pytest

from flowmatik.app.embeddings import embedder_of, other_embedders
from flowmatik.app.settings import load_settings
from flowmatik.kernel.errors import ConfigurationError

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
        ({"FLOWMATIK_EMBEDDINGS_NUMBERS": "int8"}, "all-MiniLM-L6-v2-int8"),
    ],
)
def test_an_endpoint_that_is_set_replaces_the_model_that_came_along(
    environment: dict[str, str], embedder: str | None, tmp_path: Path
) -> None:
    built = embedder_of(load_settings(tmp_path, environment))
    assert (built.id if built else None) == embedder


@pytest.mark.parametrize(
    ("environment", "others"),
    [
        ({}, ["all-MiniLM-L6-v2-int8"]),
        ({"FLOWMATIK_EMBEDDINGS_NUMBERS": "int8"}, ["all-MiniLM-L6-v2"]),
        (ENDPOINT, ["all-MiniLM-L6-v2", "all-MiniLM-L6-v2-int8"]),
        ({"FLOWMATIK_EMBEDDINGS": "false"}, []),
    ],
)
def test_workspaces_with_vectors_of_the_model_that_came_along_can_still_be_searched(
    environment: dict[str, str], others: list[str], tmp_path: Path
) -> None:
    assert [one.id for one in other_embedders(load_settings(tmp_path, environment))] == others


def test_a_file_and_an_endpoint_are_not_set_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FLOWMATIK_EMBEDDINGS_BASE_URL is set too"):
        load_settings(tmp_path, {**ENDPOINT, "FLOWMATIK_EMBEDDINGS_FILE": "model.onnx"})
