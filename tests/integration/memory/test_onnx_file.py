"""A model of one's own from an ONNX file that one line of the settings names."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from flowmatik.app.embeddings import embedder_of
from flowmatik.app.settings import load_settings
from flowmatik.contracts.memory import Embedder, QuestionEmbedder
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.memory import StoredMemory, build_memory
from flowmatik.memory.embedders.onnx_file import OnnxFileEmbedder, build
from tests.integration.memory.support import StandingClock, best, ingest

MEANINGS = (
    ("[PAD]",), ("[UNK]",), ("dog", "perro"), ("train", "tren"), ("query",), ("passage",), ("house", "casa"),
)  # fmt: skip
WORDS = [word for words in MEANINGS for word in words]
SIZE = len(MEANINGS)


def _model(folder: Path, *, outputs: str = "tokens", wants: str = "token_type_ids") -> Path:
    """As Optimum exports one; words of one meaning have one vector."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.array([np.eye(SIZE)[n] for n, words in enumerate(MEANINGS) for _ in words], dtype=np.float32)
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
    if outputs == "text":
        nodes.append(helper.make_node("ReduceMax", ["tokens", "axis"], ["text"], keepdims=0))
    names = ("input_ids", "attention_mask", wants)
    shapes: dict[str, list[str | int]] = {"tokens": ["batch", "length", SIZE], "text": ["batch", SIZE]}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["batch", "length"]) for name in names],
        [helper.make_tensor_value_info(outputs, onnx.TensorProto.FLOAT, shapes[outputs])],
        [numpy_helper.from_array(rows, "table"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    (folder / "model.onnx").write_bytes(made.SerializeToString())
    vocabulary = {word: n for n, word in enumerate(WORDS)}
    tokenizer: dict[str, object] = {
        "version": "1.0",
        "added_tokens": [],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "config.json").write_text(json.dumps({"hidden_size": SIZE, "pad_token_id": 0}))
    return folder / "model.onnx"


def _prompts(folder: Path, question: str, passage: str) -> None:
    prompts = {"prompts": {"query": question, "passage": passage}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[StoredMemory]:
    _model(tmp_path / "models")
    (tmp_path / "flowmatik.toml").write_text('[embeddings]\nfile = "models/model.onnx"\n')
    embedder = embedder_of(load_settings(tmp_path, {}))
    made = build_memory(tmp_path / "m.db", embedder=embedder, clock=StandingClock())
    yield made
    await made.close()


async def test_one_line_lets_a_model_of_two_languages_find_what_words_do_not(
    memory: StoredMemory, tmp_path: Path
) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in (("a.md", "the dog"), ("b.md", "the train"), ("c.md", "the house")):
        (folder / name).write_text(text)
    await ingest(memory, folder)
    found = await best(memory, "tren")
    assert found.source.endswith("b.md")
    assert dict(found.scores)["dense"] > 0


async def test_a_search_puts_the_models_own_words_before_its_question(tmp_path: Path) -> None:
    file = _model(tmp_path / "models")
    _prompts(file.parent, "house ", "")
    memory = build_memory(tmp_path / "m.db", embedder=build({"file": file}), clock=StandingClock())
    folder = tmp_path / "documents"
    folder.mkdir()
    for name, text in (("a.md", "dog dog dog"), ("b.md", "casa casa casa"), ("c.md", "train train train")):
        (folder / name).write_text(text)
    await ingest(memory, folder)
    found = await best(memory, "something")
    await memory.close()
    assert found.source.endswith("b.md")


async def test_texts_of_unequal_lengths_do_not_see_each_others_padding(tmp_path: Path) -> None:
    embedder = build({"file": _model(tmp_path)})
    together = await embedder.embed(["dog", "train house train house train", ""])
    assert np.allclose(together[0], (await embedder.embed(["perro"]))[0])
    assert np.allclose(np.linalg.norm(together[:2], axis=1), 1.0)
    assert not together[2].any()
    assert (await embedder.embed([])).shape == (0, SIZE)


async def test_a_model_that_gives_one_vector_a_text_needs_no_pooling(tmp_path: Path) -> None:
    embedder = build({"file": _model(tmp_path, outputs="text")})
    assert np.allclose((await embedder.embed(["dog dog train"]))[0][2:4], [0.5**0.5] * 2)


async def test_what_lies_beside_the_file_says_how_it_is_used(tmp_path: Path) -> None:
    file = _model(tmp_path / "onnx")
    plain = build({"file": file})
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    _prompts(tmp_path, "query ", "passage ")
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 1}')
    told = build({"file": file})
    assert isinstance(told, QuestionEmbedder)
    (passage,), question = await told.embed(["dog"]), await told.embed_question("dog")
    assert (int(passage.argmax()), int(question.argmax())) == (5, 4)
    assert (passage.max(), question.max()) == (1.0, 1.0)
    assert told.id != plain.id, "its vectors are others"


async def test_the_id_is_that_of_the_weights_wherever_they_lie(tmp_path: Path) -> None:
    first, second = _model(tmp_path / "a"), _model(tmp_path / "b")
    assert build({"file": first}).id == build({"file": second}).id
    second.with_name("model.onnx_data").write_bytes(b"other weights")
    assert build({"file": first}).id != build({"file": second}).id


async def test_what_is_wrong_with_a_file_is_told_and_what_to_correct(tmp_path: Path) -> None:
    file = _model(tmp_path)
    with pytest.raises(ConfigurationError, match="there is no such file"):
        build({"file": tmp_path / "none.onnx"})
    with pytest.raises(ConfigurationError, match="it wants pixel_values"):
        await build({"file": _model(tmp_path, wants="pixel_values")}).embed(["dog"])
    await _refused(_model(tmp_path), "config.json", '{"hidden_size": 99}', "vectors of 99 are expected")
    with pytest.raises(ConfigurationError, match="JSONDecodeError in what lies beside it"):
        await _refused(file, "config.json", "{", "")
    (tmp_path / "config.json").unlink()
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ConfigurationError, match=r"tokenizer.json and config.json must lie beside it"):
        build({"file": file})


async def _refused(file: Path, name: str, content: str, why: str) -> None:
    (file.parent / name).write_text(content)
    embedder: Embedder = build({"file": file})
    assert isinstance(embedder, OnnxFileEmbedder)
    with pytest.raises(ConfigurationError, match=why):
        await embedder.embed(["dog"])


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    file = _model(tmp_path)
    file.write_bytes(b"\x00" * 100)
    with pytest.raises(ConfigurationError) as caught:
        await build({"file": file}).embed(["dog"])
    assert caught.value.code == "config.embedder.file"
