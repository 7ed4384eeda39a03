"""Embeddings from any endpoint that speaks the OpenAI embeddings API."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import numpy as np
import numpy.typing as npt

from flowmatik.contracts.embedding_money import EmbeddingMoney
from flowmatik.kernel.clock import Clock, SystemClock
from flowmatik.kernel.errors import (
    ConfigurationError,
    ModelError,
    ModelMalformed,
    ModelRejected,
    ModelUnavailable,
)
from flowmatik.memory.embedders.openai_compatible.paying import paying, settle

CONNECT_SECONDS = 5.0
SECONDS = 10.0  # of one request with its attempts, and one more for each text in it
BATCH = 64
ATTEMPTS = 3
DELAY = 0.5
ROUTE = "/embeddings"


def build(settings: Any) -> "OpenAICompatibleEmbedder":
    """`settings`: `base_url`, `model`, `dimension`, `api_key` where the endpoint wants one, and `money` where
    it costs any.

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
        money=given.get("money"),
    )


class OpenAICompatibleEmbedder:
    """`dimension` must be the model's: vectors of another length are refused. `transport` is for
    tests. `id` names model and dimension, so that vectors of two models never mix."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        *,
        dimension: int,
        clock: Clock | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        money: EmbeddingMoney | None = None,
    ) -> None:
        self.id = f"{model}@{dimension}"
        self.dimension = dimension
        self._url = _address(base_url)
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._model = model
        self._clock = clock or SystemClock()
        self._transport = transport
        self._money = money

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One unit row per text. Raises ModelUnavailable, ModelRejected or ModelMalformed."""
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)  # the whole request has its own below
        async with httpx.AsyncClient(timeout=timeout, transport=self._transport) as client:
            for first in range(0, len(texts), BATCH):
                batch = list(texts[first : first + BATCH])
                rows[first : first + len(batch)] = await self._paid(client, batch)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, norms, out=rows, where=norms > 0)

    async def _paid(self, client: httpx.AsyncClient, texts: list[str]) -> npt.NDArray[np.float32]:
        async with paying(self._money, texts, SECONDS + len(texts)) as bill:
            response = await self._patient(client, texts)
            settle(bill, self._money, response)
        return self._vectors(response, texts)

    async def _patient(self, client: httpx.AsyncClient, texts: list[str]) -> httpx.Response:
        """Asks again what may be mended by waiting, as long as a request may take."""
        seconds = SECONDS + len(texts)
        deadline = self._clock.monotonic() + seconds
        for attempt in range(1, ATTEMPTS + 1):
            left = deadline - self._clock.monotonic()
            try:
                async with asyncio.timeout(max(left, 0.1)):
                    response = await self._asked(client, texts)
                fault = None if response.status_code == HTTPStatus.OK else self._refusal(response.status_code)
                delay = _asked_to_wait(response) or DELAY * attempt
            except TimeoutError as error:
                raise ModelUnavailable(
                    f"the embedding endpoint for {self._model!r} did not answer within {seconds:g} s; try "
                    "again later",
                    code="model.embedding.timeout",
                    context={"model": self._model, "timeout": seconds},
                ) from error
            if fault is None:
                return response
            if not fault.retryable or attempt == ATTEMPTS or delay >= deadline - self._clock.monotonic():
                raise fault
            await self._clock.sleep(delay)
        raise AssertionError("the last attempt returns or raises")

    async def _asked(self, client: httpx.AsyncClient, texts: list[str]) -> httpx.Response:
        try:
            body = {"model": self._model, "input": texts}
            return await client.post(self._url, json=body, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ModelUnavailable(
                f"the embedding endpoint for {self._model!r} cannot be reached ({type(error).__name__}); "
                "check embeddings.base_url and the network",
                code="model.embedding.unreachable",
                context={"model": self._model, "said": type(error).__name__, **_unsent(error)},
            ) from error

    def _vectors(self, response: httpx.Response, texts: list[str]) -> npt.NDArray[np.float32]:
        try:
            items = sorted(response.json()["data"], key=lambda item: int(item["index"]))
            places = [int(item["index"]) for item in items]
            vectors = np.array([item["embedding"] for item in items], dtype=np.float32)
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise self._malformed() from error
        if vectors.ndim != 2 or places != list(range(len(texts))) or not np.isfinite(vectors).all():
            raise self._malformed()
        if vectors.shape[1] != self.dimension:
            raise ModelRejected(
                f"the embedding endpoint for {self._model!r} sent vectors of {vectors.shape[1]} numbers, "
                f"expected {self.dimension}; correct embeddings.dimensions and ingest again",
                code="model.dimension",
                context={"model": self._model, "found": vectors.shape[1], "expected": self.dimension},
            )
        return vectors

    def _malformed(self) -> ModelMalformed:
        return ModelMalformed(
            f"the embedding endpoint for {self._model!r} sent no vectors for the texts; check that "
            "embeddings.base_url is that of an OpenAI-compatible API",
            code="model.embedding.malformed",
            context={"model": self._model},
        )

    def _refusal(self, status: int) -> ModelError:
        message = f"the embedding endpoint for {self._model!r} answered HTTP {status}"
        context = {"model": self._model, "status": status}
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return ModelUnavailable(
                f"{message}; try again later", code="model.embedding.busy", context=context
            )
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            advice = "check FLOWMATIK_EMBEDDINGS_API_KEY"
            return ModelRejected(f"{message}; {advice}", code="model.embedding.key", context=context)
        advice = "check embeddings.model and embeddings.base_url"
        return ModelRejected(f"{message}; {advice}", code="model.embedding.refused", context=context)


def _address(base_url: str) -> str:
    """As people paste it: with the route or without, and without a path it gets the API's version."""
    root = base_url.strip().rstrip("/").removesuffix(ROUTE).rstrip("/")
    return f"{root}{ROUTE}" if urlsplit(root).path else f"{root}/v1{ROUTE}"


def _unsent(error: Exception) -> dict[str, str]:
    """What never left costs nothing."""
    return {"status": "not_sent"} if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) else {}


def _asked_to_wait(response: httpx.Response) -> float:
    """Seconds of Retry-After; 0 when there is none that can be read."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else 0.0
