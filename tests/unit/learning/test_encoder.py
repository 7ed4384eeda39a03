"""The last layers of the embedding model as the router goes through them, beside ONNX Runtime and beside
differences of a loss."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from flowmatik.contracts.memory import LastLayers
from flowmatik.learning.routing.encoder import (
    Adapter,
    Adapters,
    Encoder,
    Layer,
    Layout,
    Linear,
    Matrix,
    fresh_adapters,
    layers_of,
)
from flowmatik.learning.routing.tuning import given_by, pooled, pooled_back
from flowmatik.memory.embedders import all_minilm_l6_v2

WIDTH, HEADS, LAYERS = 8, 2, 2


def small_layers() -> LastLayers:
    random = np.random.default_rng(3)

    def weights(outputs: int, inputs: int) -> Matrix:
        return random.normal(scale=0.5, size=(outputs, inputs)).astype(np.float32)

    def layer() -> dict[str, object]:
        found: dict[str, object] = {}
        for name, outputs, inputs in (
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", 4 * WIDTH, WIDTH),
            ("output.dense", WIDTH, 4 * WIDTH),
        ):
            found[f"{name}.weight"], found[f"{name}.bias"] = weights(outputs, inputs), weights(1, outputs)[0]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            found[f"{name}.weight"], found[f"{name}.bias"] = 1 + weights(1, WIDTH)[0], weights(1, WIDTH)[0]
        return found

    return LastLayers(layers=[layer() for _ in range(LAYERS)], heads=HEADS, epsilon=1e-12)


def exactly(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """In double precision, so that differences of a loss are worth something."""

    def one(linear: Linear) -> Linear:
        return Linear(weight=linear.weight.astype(np.float64), bias=linear.bias.astype(np.float64))

    return tuple(
        replace(
            layer, heads=one(layer.heads), attended=one(layer.attended),
            wide=one(layer.wide), narrow=one(layer.narrow),
        )
        for layer in layers
    )  # fmt: skip


def moved(adapters: Adapters, place: int, along: Adapter, step: float) -> Adapters:
    own = adapters[place]
    at = Adapter(down=own.down + step * along.down, up=own.up + step * along.up)
    return (*adapters[:place], at, *adapters[place + 1 :])


async def test_the_layers_give_what_the_model_gives_whatever_the_lengths() -> None:
    model = all_minilm_l6_v2.build(None)
    texts = ["hi", "where is my order", "a much longer text, ¿verdad? " * 30, "exchange rate of the euro"]
    _, layers, tokens = await model.embed_tokens(texts)
    last = await model.last_layers()
    own = layers_of(last)
    found = given_by(Encoder(own, last.heads, last.epsilon), fresh_adapters(own, seed=1), tokens)
    assert np.allclose(found, layers, atol=1e-4)


@pytest.mark.parametrize("place", range(4 * LAYERS))
def test_the_gradient_of_each_adapter_is_how_the_loss_changes(place: int) -> None:
    last, random = small_layers(), np.random.default_rng(place)
    layers = exactly(layers_of(last))
    encoder, layout = Encoder(layers, HEADS, last.epsilon), Layout([1, 5, 3])
    rows = random.normal(size=(9, WIDTH))
    adapters = tuple(
        Adapter(down=one.down.astype(np.float64), up=random.normal(scale=0.1, size=one.up.shape))
        for one in fresh_adapters(layers, seed=5)
    )
    weights = random.normal(size=(3, 2 * LAYERS * WIDTH))

    def loss(at: Adapters) -> float:
        outputs = [one.output for one in encoder.outputs(rows, layout, at)]
        return float((pooled(outputs, layout) * weights).sum())

    passed = encoder.outputs(rows, layout, adapters)
    wanted = pooled_back(weights, [one.output for one in passed], layout)
    gradient = encoder.gradients(passed, wanted, layout, adapters)[place]
    zero = Adapter(down=np.zeros_like(gradient.down), up=np.zeros_like(gradient.up))
    for part in ("down", "up"):
        along = random.normal(size=getattr(zero, part).shape)
        by = replace(zero, **{part: along})
        seen = (loss(moved(adapters, place, by, 1e-5)) - loss(moved(adapters, place, by, -1e-5))) / 2e-5
        assert (getattr(gradient, part) * along).sum() == pytest.approx(seen, rel=1e-3, abs=1e-2), part


def test_a_text_is_the_same_whatever_stands_beside_it() -> None:
    last, random = small_layers(), np.random.default_rng(0)
    layers = layers_of(last)
    encoder, adapters = Encoder(layers, HEADS, last.epsilon), fresh_adapters(layers, seed=1)
    texts = [random.normal(size=(length, WIDTH)).astype(np.float32) for length in (4, 9, 1, 6)]
    together = given_by(encoder, adapters, texts)
    for place, text in enumerate(texts):
        assert np.allclose(given_by(encoder, adapters, [text])[0], together[place], atol=1e-5)
