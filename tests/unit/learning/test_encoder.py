"""The last layers of the embedding model as the router goes through them, beside ONNX Runtime and beside
differences of a loss."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from flowmatik.learning.routing.encoder import (
    Adapter,
    Adapters,
    Encoder,
    Layer,
    Layout,
    Linear,
    Matrix,
    encoder_of,
)
from flowmatik.learning.routing.tuning import given_by, pooled, pooled_back
from flowmatik.memory.embedders import all_minilm_l6_v2
from tests.unit.learning.layers import HEADS, LAYERS, WIDTH, small_layers


def double(rows: Any) -> Matrix:
    """In double precision, so that differences of a loss are worth something."""
    return cast("Matrix", np.asarray(rows, dtype=np.float64))


def exactly(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    def one(linear: Linear) -> Linear:
        return Linear(weight=double(linear.weight), bias=double(linear.bias))

    return tuple(
        replace(
            layer, heads=one(layer.heads), attended=one(layer.attended),
            wide=one(layer.wide), narrow=one(layer.narrow),
        )
        for layer in layers
    )  # fmt: skip


def moved(adapters: Adapters, place: int, along: Adapter, step: float) -> Adapters:
    own = adapters[place]
    at = Adapter(down=double(own.down + step * along.down), up=double(own.up + step * along.up))
    return (*adapters[:place], at, *adapters[place + 1 :])


async def test_the_layers_give_what_the_model_gives_whatever_the_lengths() -> None:
    model = all_minilm_l6_v2.build(None)
    texts = ["hi", "where is my order", "a much longer text, ¿verdad? " * 30, "exchange rate of the euro"]
    _, layers, tokens = await model.embed_tokens(texts)
    encoder = encoder_of(await model.last_layers())
    found = given_by(encoder, encoder.fresh_adapters(seed=1), tokens)
    assert np.allclose(found, layers, atol=1e-4)


@pytest.mark.parametrize("place", range(4 * LAYERS))
def test_the_gradient_of_each_adapter_is_how_the_loss_changes(place: int) -> None:
    last, random = small_layers(), np.random.default_rng(place)
    encoder = Encoder(exactly(encoder_of(last).layers), HEADS, last.epsilon)
    layout = Layout([1, 5, 3])
    rows = double(random.normal(size=(9, WIDTH)))
    adapters = tuple(
        Adapter(down=double(one.down), up=double(random.normal(scale=0.1, size=one.up.shape)))
        for one in encoder.fresh_adapters(seed=5)
    )
    weights = double(random.normal(size=(3, 2 * LAYERS * WIDTH)))

    def loss(at: Adapters) -> float:
        outputs = [one.output for one in encoder.outputs(rows, layout, at)]
        return float((pooled(outputs, layout) * weights).sum())

    passed = encoder.outputs(rows, layout, adapters)
    wanted = pooled_back(weights, [one.output for one in passed], layout)
    gradient = encoder.gradients(passed, wanted, layout, adapters)[place]
    zero = Adapter(down=np.zeros_like(gradient.down), up=np.zeros_like(gradient.up))
    down, up = double(random.normal(size=zero.down.shape)), double(random.normal(size=zero.up.shape))
    for by in (replace(zero, down=down), replace(zero, up=up)):
        seen = (loss(moved(adapters, place, by, 1e-5)) - loss(moved(adapters, place, by, -1e-5))) / 2e-5
        told = float((gradient.down * by.down).sum() + (gradient.up * by.up).sum())
        assert told == pytest.approx(seen, rel=1e-3, abs=1e-2)


def test_a_text_is_the_same_whatever_stands_beside_it() -> None:
    encoder, random = encoder_of(small_layers()), np.random.default_rng(0)
    adapters = encoder.fresh_adapters(seed=1)
    texts = [random.normal(size=(length, WIDTH)).astype(np.float32) for length in (4, 9, 1, 6)]
    together = given_by(encoder, adapters, texts)
    for place, text in enumerate(texts):
        assert np.allclose(given_by(encoder, adapters, [text])[0], together[place], atol=1e-5)
