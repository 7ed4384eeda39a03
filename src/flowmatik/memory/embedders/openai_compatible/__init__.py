"""Embeddings from any endpoint that speaks the OpenAI embeddings API."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import httpx
import numpy as np
import numpy.typing as npt

from flowmatik.kernel.errors import (
    ConfigurationError,
    ModelError,
    ModelMalformed,
    ModelRejected,
    ModelUnavailable,
)

TIMEOUT_SECONDS = 60.0
BATCH = 64


def build(settings: Any) -> "OpenAICompatibleEmbedder":
    """`settings`: `base_url`, `model`, `dimension`, and `api_key` where the endpoint wants one.

    Raises ConfigurationError that names what is missing.
    """
    given = cast("Mapping[str, Any]", settings or {})
    missing = [key for key in ("base_url", "model", "dimension") if not given.get(key)]
    if missing:
        names = ", ".join(missing)
        raise ConfigurationError(
            f"the openai_compatible embedder needs {names}; set them",
            code="config.embedder.settings",
            context={"missing": names},
        )
    return OpenAICompatibleEmbedder(
        str(given["base_url"]),
        str(given.get("api_key") or ""),
        str(given["model"]),
        dimension=int(given["dimension"]),
    )


class OpenAICompatibleEmbedder:
    """`dimension` must be the model's: vectors of another length are refused. `transport` is for
    tests. `id` names endpoint model and dimension, so that vectors of two models never mix."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        *,
        dimension: int,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.id = f"{model}@{dimension}"
        self.dimension = dimension
        self._url = f"{base_url.rstrip('/')}/embeddings"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._transport = transport

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One unit row per text. Raises ModelUnavailable, ModelRejected or ModelMalformed."""
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, transport=self._transport) as client:
            for first in range(0, len(texts), BATCH):
                batch = list(texts[first : first + BATCH])
                rows[first : first + len(batch)] = await self._batch(client, batch)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, norms, out=rows, where=norms > 0)

    async def _batch(self, client: httpx.AsyncClient, texts: list[str]) -> npt.NDArray[np.float32]:
        body = {"model": self._model, "input": texts}
        try:
            response = await client.post(self._url, json=body, headers=self._headers)
        except httpx.HTTPError as error:
            raise ModelUnavailable(
                f"the embedding endpoint for {self._model!r} cannot be reached ({type(error).__name__})",
                context={"model": self._model},
            ) from error
        if response.status_code != HTTPStatus.OK:
            raise _refusal(self._model, response.status_code)
        try:
            items = sorted(response.json()["data"], key=lambda item: int(item["index"]))
            vectors = np.array([item["embedding"] for item in items], dtype=np.float32)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelMalformed(
                f"the embedding endpoint for {self._model!r} sent no vectors", context={"model": self._model}
            ) from error
        if vectors.shape != (len(texts), self.dimension):
            raise ModelMalformed(
                f"the embedding endpoint for {self._model!r} sent {vectors.shape}, expected "
                f"{(len(texts), self.dimension)}; correct the dimension in the settings",
                code="model.dimension",
                context={"model": self._model, "expected": self.dimension},
            )
        return vectors


def _refusal(model: str, status: int) -> ModelError:
    message = f"the embedding endpoint for {model!r} answered {status}"
    context = {"model": model, "status": status}
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ModelUnavailable(f"{message}; try again later", context=context)
    return ModelRejected(f"{message}; check the key, the model's name and the address", context=context)
