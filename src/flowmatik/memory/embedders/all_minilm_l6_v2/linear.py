"""Multiplying with a layer's weights: as floats, or in eight bits.

`int8`: each token's numbers are divided by the largest of them and rounded to 127 steps, and so are those of
each row of the weights; whole numbers are multiplied. ONNX Runtime's own dynamic quantisation has one scale
for a whole batch: a text's vector would hang on what stands beside it, and was further from the floats
(cosine 0.994 against 0.998).

`blocks8`: only the weights are rounded, each 32 of them with a scale, and a token's numbers in the same way
(cosine 0.9996). With few tokens that is faster than floats, because the weights are what takes time to come
from memory; with many it is not.
"""

from typing import Literal

import numpy as np

from flowmatik.memory.embedders.all_minilm_l6_v2.nodes import OWN, Array, Graph, Linear

Numbers = Literal["float32", "int8", "blocks8"]
STEPS = 127
ZERO = 128  # unsigned bytes are multiplied faster: this one stands for zero
BLOCK = 32
_LEAST = 1e-12


def _floats(graph: Graph, value: str, name: str) -> str:
    turned = np.ascontiguousarray(graph.weights[f"{name}.weight"].T)
    return graph.node("MatMul", value, graph.constant(f"{name}.weight.T", turned))


def _int8(graph: Graph, value: str, name: str) -> str:
    steps, scales = _rounded(graph.weights[f"{name}.weight"])
    if value not in graph.known:
        graph.known[value], graph.known[f"{value} scales"] = _tokens(graph, value, steps.shape[1])
    whole = graph.node(
        "MatMulIntegerToFloat",
        graph.known[value],
        graph.constant(f"{name}.steps", np.ascontiguousarray(steps.T)),
        graph.constant("unit", np.array(1.0, dtype=np.float32)),
        graph.constant(f"{name}.scales", scales[:, 0]),
        graph.constant("zero_step", np.array(ZERO, dtype=np.uint8)),
        domain=OWN,
    )
    if "shape" not in graph.known:
        width = graph.constant("any_width", np.array([-1], dtype=np.int64))
        graph.known["shape"] = graph.node("Concat", graph.node("Shape", "input_ids"), width, axis=0)
    scaled = graph.node("Mul", whole, graph.known[f"{value} scales"])
    return graph.node("Reshape", scaled, graph.known["shape"])


def _tokens(graph: Graph, value: str, width: int) -> tuple[str, str]:
    """A row of steps for each token of the batch, and their scales."""
    shape = graph.constant(f"rows_{width}", np.array([-1, width], dtype=np.int64))
    rows = graph.node("Reshape", value, shape)
    last = graph.constant("last_axis", np.array([-1], dtype=np.int64))
    most = graph.node("ReduceMax", graph.node("Abs", rows), last, keepdims=0)
    step = graph.constant("step", np.array(1.0 / STEPS, dtype=np.float32))
    least = graph.constant("least", np.array(_LEAST, dtype=np.float32))
    scales = graph.node("Max", graph.node("Mul", most, step), least)
    zero = graph.constant("zero_steps", np.array([ZERO], dtype=np.uint8))
    zeros = graph.node("Expand", zero, graph.node("Shape", scales))
    return graph.node("QuantizeLinear", rows, scales, zeros, axis=0), graph.node("Unsqueeze", scales, last)


def _blocks(graph: Graph, value: str, name: str) -> str:
    weights = graph.weights[f"{name}.weight"]
    rows, width = weights.shape
    steps, scales = _rounded(weights.reshape(rows, width // BLOCK, BLOCK))
    return graph.node(
        "MatMulNBits",
        value,
        graph.constant(f"{name}.steps", (steps.astype(np.int16) + ZERO).astype(np.uint8)),
        graph.constant(f"{name}.scales", scales.reshape(-1)),
        domain=OWN,
        K=width,
        N=rows,
        bits=8,
        block_size=BLOCK,
        accuracy_level=4,  # the token's numbers in eight bits, too
    )


def _rounded(weights: Array) -> tuple[Array, Array]:
    """Steps, and a scale for each run along the last axis."""
    scales = np.maximum(np.abs(weights).max(axis=-1, keepdims=True) / STEPS, _LEAST).astype(np.float32)
    steps: Array = np.rint(weights / scales)
    return steps.astype(np.int8), scales


LINEAR: dict[Numbers, Linear] = {"float32": _floats, "int8": _int8, "blocks8": _blocks}
