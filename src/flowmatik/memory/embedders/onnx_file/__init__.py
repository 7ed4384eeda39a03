"""A sentence model in an ONNX file, as sentence-transformers and Optimum export it.

What lies beside the file, or in the folder above it, says how it is used: `tokenizer.json`; `config.json`
(how many numbers a vector has); `1_Pooling/config.json` (the first token instead of the mean);
`sentence_bert_config.json` (how many tokens count); `config_sentence_transformers.json` (`prompts`: what
stands before a question and before a passage).
"""

import asyncio
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.memory.batches import batches
from flowmatik.memory.embedders.onnx_file.beside import Beside, broken, look_beside

KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
Floats = npt.NDArray[np.float32]


def build(settings: Any) -> "OnnxFileEmbedder":
    """`settings`: `file`. The model itself is loaded at the first use. Raises ConfigurationError when it or
    what must lie beside it is not there."""
    file = Path(str(cast("Mapping[str, Any]", settings or {}).get("file", "")))
    return OnnxFileEmbedder(file, look_beside(file))


class OnnxFileEmbedder:
    """`id` has a fingerprint of the files, so that vectors of two models never mix; the file may be moved."""

    def __init__(self, file: Path, beside: Beside) -> None:
        self.id = f"{file.stem}-{beside.fingerprint}"
        self.dimension = beside.dimension
        self._file = file
        self._beside = beside
        self._lock = threading.Lock()
        # One batch has all cores.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")
        self._loaded: tuple[Any, Any] | None = None

    async def embed(self, texts: Sequence[str]) -> Floats:
        """One unit row per text. Raises ConfigurationError when the model cannot be loaded, or is of another
        kind."""
        passages = [self._beside.before_passage + text for text in texts]
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._embed, passages)

    async def embed_question(self, text: str) -> Floats:
        """As QuestionEmbedder has it."""
        rows = await asyncio.to_thread(self._embed, [self._beside.before_question + text])
        return rows[0]

    def _embed(self, texts: list[str]) -> Floats:
        rows = np.zeros((len(texts), self.dimension), dtype=np.float32)
        if not texts:
            return rows
        tokenizer, session = self._model()
        tokens = [one.ids for one in tokenizer.encode_batch(texts)]
        for places, ids, mask in batches(tokens, self._beside.padding):
            rows[places] = self._pooled(self._run(session, ids, mask), mask)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)

    def _run(self, session: Any, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> Floats:
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        feed = {
            one.name: given[one.name].astype(np.int32 if "int32" in one.type else np.int64)
            for one in session.get_inputs()
        }
        names = [one.name for one in session.get_outputs()]
        wanted = "sentence_embedding" if "sentence_embedding" in names else names[0]
        try:
            return np.asarray(session.run([wanted], feed)[0], dtype=np.float32)
        except Exception as error:  # the library's errors have no common class
            raise broken(self._file, str(error)) from error

    def _pooled(self, values: Floats, mask: npt.NDArray[np.int64]) -> Floats:
        if values.ndim == 3:
            if self._beside.first_token:
                values = values[:, 0]
            else:
                weights = mask[:, :, np.newaxis].astype(np.float32)
                values = (values * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1.0)
        if values.ndim != 2 or values.shape[1] != self.dimension:
            shape = " × ".join(str(one) for one in values.shape)
            raise broken(
                self._file, f"it gives {shape} numbers, and vectors of {self.dimension} are expected"
            )
        return values

    def _model(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def _load(self) -> tuple[Any, Any]:
        try:
            runtime: Any = import_module("onnxruntime")
            from tokenizers import Tokenizer

            tokenizer: Any = Tokenizer.from_file(str(self._beside.tokenizer))
            tokenizer.enable_truncation(self._beside.most_tokens)
            tokenizer.no_padding()
            options: Any = runtime.SessionOptions()
            options.intra_op_num_threads = min(8, os.cpu_count() or 1)
            options.log_severity_level = 3
            session: Any = runtime.InferenceSession(
                str(self._file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # tokenizers raises it bare, and the runtime has a dozen classes
            raise broken(self._file, str(error)) from error
        unknown = sorted({one.name for one in session.get_inputs()} - KNOWN_INPUTS)
        if unknown:
            raise broken(self._file, f"it wants {', '.join(unknown)}, which a text does not have")
        return tokenizer, session
