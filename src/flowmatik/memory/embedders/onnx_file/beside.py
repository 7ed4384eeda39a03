"""What lies beside a model's file and says how it is used."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flowmatik.kernel.errors import ConfigurationError

TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
_SETTINGS = (
    TOKENIZER,
    CONFIG,
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
)
_MOST_TOKENS = 512
_PIECES, _PIECE = 64, 64 * 1024  # of a large file: other weights differ everywhere
_PASSAGE = ("passage", "document")
_QUESTION = ("query", "question")


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    tokenizer: Path
    dimension: int
    padding: int
    most_tokens: int
    first_token: bool
    before_question: str
    before_passage: str
    fingerprint: str


def broken(file: Path, said: str) -> ConfigurationError:
    return ConfigurationError(
        f"the embedding model {str(file)!r} cannot be used: {said}; correct embeddings.file",
        code="config.embedder.file",
        context={"file": str(file), "said": said},
    )


def look_beside(file: Path) -> Beside:
    """Raises ConfigurationError that names what is missing."""
    if not file.is_file():
        raise broken(file, "there is no such file")
    found = {name: path for name in _SETTINGS if (path := _beside(file, name)) is not None}
    if missing := [name for name in (TOKENIZER, CONFIG) if name not in found]:
        raise broken(file, f"{' and '.join(missing)} must lie beside it")
    try:
        config, pooling, tokens, sentence = (_read(found.get(name)) for name in _SETTINGS[1:])
        prompts = cast("dict[str, str]", sentence.get("prompts") or {})
        places = int(config.get("max_position_embeddings") or _MOST_TOKENS)
        padding = int(config.get("pad_token_id") or 0)
        most = int(tokens.get("max_seq_length") or min(_MOST_TOKENS, places - padding - (padding > 0)))
        return Beside(
            tokenizer=found[TOKENIZER],
            dimension=int(config["hidden_size"]),
            padding=padding,
            most_tokens=most,
            first_token=bool(pooling.get("pooling_mode_cls_token")),
            before_question=_first(prompts, _QUESTION),
            before_passage=_first(prompts, _PASSAGE),
            fingerprint=_fingerprint([*_parts(file), *found.values()]),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise broken(file, f"{type(error).__name__} in what lies beside it: {error}") from error


def _beside(file: Path, name: str) -> Path | None:
    places = (file.parent / name, file.parent.parent / name)
    return next((path for path in places if path.is_file()), None)


def _read(path: Path | None) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path else {}


def _first(prompts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((str(prompts[name]) for name in names if name in prompts), "")


def _parts(file: Path) -> list[Path]:
    """With the weights that the file has in others, such as `model.onnx_data`."""
    return sorted(one for one in file.parent.iterdir() if one.name.startswith(file.name) and one.is_file())


def _fingerprint(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        total.update(f"{path.name} {size};".encode())
        with path.open("rb") as stream:
            for piece in range(_PIECES if size > _PIECES * _PIECE else 1):
                stream.seek(piece * (size - _PIECE) // (_PIECES - 1))
                total.update(stream.read(_PIECE if size > _PIECES * _PIECE else -1))
    return total.hexdigest()[:12]
