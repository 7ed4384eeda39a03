"""The last layers of a BERT encoder in NumPy, with low-rank adapters beside their frozen weights (Hu et al.,
"LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022): forwards, and the adapters' gradients
backwards.

The tokens of a batch stand in one matrix, text after text, so that weights never meet padding; only attention
sets the texts apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import LastLayers

Matrix = npt.NDArray[np.float32]
Grid = npt.NDArray[np.float32]  # text × head × token × size of a head
RANK = 32
_HIDDEN = np.float32(-10000.0)  # beside the score of a place without a token
_HALF = np.float32(0.5)
_ROOT_HALF = np.float32(np.sqrt(0.5))
_ROOT_TURN = np.float32(1 / np.sqrt(2 * np.pi))


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """`weight` is inputs × outputs."""

    weight: Matrix
    bias: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    scale: Matrix
    bias: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """`heads` makes queries, keys and values at once."""

    heads: Linear
    attended: Linear
    norm_attended: Norm
    wide: Linear
    narrow: Linear
    norm: Norm

    def linears(self) -> tuple[Linear, ...]:
        return (self.heads, self.attended, self.wide, self.narrow)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """What is added to a linear layer: `down` (inputs × rank) times `up` (rank × outputs)."""

    down: Matrix
    up: Matrix


Adapters = tuple[Adapter, ...]  # of each layer's `linears` in turn
LINEARS = 4  # of a layer


class Layout:
    """Which tokens of a batch are whose."""

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.texts, self.longest = len(self.lengths), int(self.lengths.max())
        within = np.arange(int(self.lengths.sum())) - np.repeat(self.starts, self.lengths)
        self._places = np.repeat(np.arange(self.texts) * self.longest, self.lengths) + within
        there = np.arange(self.longest) < self.lengths[:, None]
        self.bias = np.where(there, np.float32(0), _HIDDEN)[:, None, None, :]

    def apart(self, rows: Matrix, heads: int) -> Grid:
        padded = np.zeros((self.texts * self.longest, rows.shape[1]), dtype=rows.dtype)
        padded[self._places] = rows
        split = padded.reshape(self.texts, self.longest, heads, rows.shape[1] // heads)
        return np.ascontiguousarray(split.transpose(0, 2, 1, 3))

    def together(self, grid: Grid) -> Matrix:
        joined = grid.transpose(0, 2, 1, 3).reshape(self.texts * self.longest, -1)
        return np.ascontiguousarray(joined[self._places])

    def means(self, rows: Matrix) -> Matrix:
        sums = np.add.reduceat(rows, self.starts, axis=0)
        return cast("Matrix", sums / self.lengths[:, None].astype(rows.dtype))

    def maxima(self, rows: Matrix) -> Matrix:
        return cast("Matrix", np.maximum.reduceat(rows, self.starts, axis=0))

    def spread(self, of_texts: Matrix) -> Matrix:
        """Each text's row for each of its tokens."""
        return np.repeat(of_texts, self.lengths, axis=0)


def encoder_of(last: LastLayers) -> "Encoder":
    """Raises KeyError for a weight that is not there."""

    def linear(weights: dict[str, Matrix], *names: str) -> Linear:
        turned = np.hstack([weights[f"{name}.weight"].T for name in names])
        bias = np.concatenate([weights[f"{name}.bias"] for name in names])
        return Linear(weight=np.ascontiguousarray(turned), bias=bias)

    def norm(weights: dict[str, Matrix], name: str) -> Norm:
        return Norm(scale=weights[f"{name}.weight"], bias=weights[f"{name}.bias"])

    def layer(given: Mapping[str, object]) -> Layer:
        weights = {name: np.asarray(value, dtype=np.float32) for name, value in given.items()}
        return Layer(
            heads=linear(weights, *(f"attention.self.{part}" for part in ("query", "key", "value"))),
            attended=linear(weights, "attention.output.dense"),
            norm_attended=norm(weights, "attention.output.LayerNorm"),
            wide=linear(weights, "intermediate.dense"),
            narrow=linear(weights, "output.dense"),
            norm=norm(weights, "output.LayerNorm"),
        )

    return Encoder([layer(one) for one in last.layers], last.heads, last.epsilon)


class Encoder:
    """Last layers, 21 MB of those of MiniLM; many adapters may share them."""

    def __init__(self, layers: Sequence[Layer], heads: int, epsilon: float) -> None:
        self.layers = tuple(layers)
        self._heads, self._epsilon = heads, np.float32(epsilon)

    def fresh_adapters(self, seed: int) -> Adapters:
        """They add nothing yet: `up` is zero."""
        random = np.random.default_rng(seed)

        def one(linear: Linear) -> Adapter:
            inputs, outputs = linear.weight.shape
            down = random.normal(scale=inputs**-0.5, size=(inputs, RANK)).astype(np.float32)
            return Adapter(down=down, up=np.zeros((RANK, outputs), dtype=np.float32))

        return tuple(one(linear) for layer in self.layers for linear in layer.linears())

    def outputs(self, rows: Matrix, layout: Layout, adapters: Adapters) -> "list[_Passed]":
        """What each layer makes of tokens (`rows`), and what its gradient needs."""
        found: list[_Passed] = []
        for layer, own in zip(self.layers, _by_layer(adapters), strict=True):
            found.append(_forward(layer, own, rows, layout, (self._heads, self._epsilon)))
            rows = found[-1].output
        return found

    def gradients(
        self, passed: "Sequence[_Passed]", wanted: Sequence[Matrix], layout: Layout, adapters: Adapters
    ) -> Adapters:
        """Of the adapters, where `wanted` is the loss's gradient by each layer's output."""
        found: list[tuple[Adapter, ...]] = []
        flow = np.zeros_like(wanted[-1])
        own = list(_by_layer(adapters))
        for place in reversed(range(len(self.layers))):
            own_gradients, flow = _backward(
                self.layers[place], own[place], passed[place], flow + wanted[place], layout
            )
            found.append(own_gradients)
        return tuple(one for of_layer in reversed(found) for one in of_layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Multiplied:
    rows: Matrix
    low: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class _Passed:
    output: Matrix
    queries: Grid
    keys: Grid
    values: Grid
    shares: Grid
    multiplied: tuple[_Multiplied, ...]  # by the layer's linears
    before_gelu: Matrix
    below: Matrix  # the share of a normal distribution below each of them
    normed: tuple[tuple[Matrix, Matrix], ...]  # centred rows in deviations, and one through those deviations


def _by_layer(adapters: Adapters) -> Iterator[Adapters]:
    for first in range(0, len(adapters), LINEARS):
        yield adapters[first : first + LINEARS]


def _forward(
    layer: Layer, own: Adapters, rows: Matrix, layout: Layout, shape: tuple[int, np.float32]
) -> _Passed:
    heads, epsilon = shape
    width = rows.shape[1]
    scale = np.float32((width // heads) ** -0.5)
    mixed, first = _times(rows, layer.heads, own[0])
    queries, keys, values = (
        layout.apart(mixed[:, at : at + width], heads) for at in range(0, 3 * width, width)
    )
    shares = _softmax(queries @ keys.swapaxes(2, 3) * scale + layout.bias)
    attended, second = _times(layout.together(shares @ values), layer.attended, own[1])
    middle, normed = _normed(attended + rows, layer.norm_attended, epsilon)
    wide, third = _times(middle, layer.wide, own[2])
    below = _below(wide)
    narrow, fourth = _times(wide * below, layer.narrow, own[3])
    output, last = _normed(narrow + middle, layer.norm, epsilon)
    return _Passed(
        output=output, queries=queries, keys=keys, values=values, shares=shares,
        multiplied=(first, second, third, fourth), before_gelu=wide, below=below, normed=(normed, last),
    )  # fmt: skip


def _backward(
    layer: Layer, own: Adapters, passed: _Passed, flow: Matrix, layout: Layout
) -> tuple[tuple[Adapter, ...], Matrix]:
    """The gradients of its adapters, and by what came in."""
    first, second, third, fourth = passed.multiplied
    flow = _norm_back(flow, layer.norm, passed.normed[1])
    by_narrow, inner = _times_back(flow, layer.narrow, own[3], fourth)
    wide = passed.before_gelu
    slope = cast("Matrix", passed.below + wide * (_ROOT_TURN * np.exp(_HALF * -wide * wide)))
    by_wide, more = _times_back(inner * slope, layer.wide, own[2], third)
    flow = _norm_back(flow + more, layer.norm_attended, passed.normed[0])
    by_attended, context = _times_back(flow, layer.attended, own[1], second)
    grid = layout.apart(context, passed.shares.shape[1])
    by_shares = grid @ passed.values.swapaxes(2, 3)
    by_scores = passed.shares * (by_shares - (by_shares * passed.shares).sum(axis=-1, keepdims=True))
    by_scores *= np.float32(passed.queries.shape[-1] ** -0.5)
    parts = (
        by_scores @ passed.keys,
        by_scores.swapaxes(2, 3) @ passed.queries,
        passed.shares.swapaxes(2, 3) @ grid,
    )
    mixed = np.hstack([layout.together(part) for part in parts])
    by_heads, more = _times_back(mixed, layer.heads, own[0], first)
    return (by_heads, by_attended, by_wide, by_narrow), flow + more


def _times(rows: Matrix, linear: Linear, own: Adapter) -> tuple[Matrix, _Multiplied]:
    low = rows @ own.down
    product = rows @ linear.weight
    product += low @ own.up
    product += linear.bias
    return product, _Multiplied(rows=rows, low=low)


def _times_back(flow: Matrix, linear: Linear, own: Adapter, kept: _Multiplied) -> tuple[Adapter, Matrix]:
    low = flow @ own.up.T
    down, up = np.matmul(kept.rows.T, low), np.matmul(kept.low.T, flow)
    back = np.matmul(flow, linear.weight.T)
    back += low @ own.down.T
    return Adapter(down=down, up=up), back


def _normed(rows: Matrix, norm: Norm, epsilon: np.float32) -> tuple[Matrix, tuple[Matrix, Matrix]]:
    centred = rows - rows.mean(axis=1, keepdims=True)
    inverse = 1 / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + epsilon)
    standard = centred * inverse
    return standard * norm.scale + norm.bias, (standard, inverse)


def _norm_back(flow: Matrix, norm: Norm, kept: tuple[Matrix, Matrix]) -> Matrix:
    standard, inverse = kept
    by_standard = flow * norm.scale
    along = (by_standard * standard).mean(axis=1, keepdims=True)
    return (by_standard - by_standard.mean(axis=1, keepdims=True) - standard * along) * inverse


def _softmax(scores: Grid) -> Grid:
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def _below(values: Matrix) -> Matrix:
    """The standard normal distribution, within 1e-7: Abramowitz and Stegun, Handbook of Mathematical
    Functions, 7.1.26."""
    turned = np.abs(values) * _ROOT_HALF
    part = 1 / (1 + np.float32(0.3275911) * turned)
    series = np.float32(1.061405429) * part - np.float32(1.453152027)
    for coefficient in (1.421413741, -0.284496736, 0.254829592):
        series = series * part + np.float32(coefficient)
    tail = _HALF * series * part * np.exp(-turned * turned)
    return cast("Matrix", np.where(values < 0, tail, 1 - tail))
