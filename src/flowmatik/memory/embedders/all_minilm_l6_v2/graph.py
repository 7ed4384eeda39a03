"""The BERT graph of all-MiniLM-L6-v2, built from its safetensors: token ids in, one unit vector
per text out (mean pooling and L2 norm are in the graph)."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from flowmatik.memory.embedders.all_minilm_l6_v2.linear import LINEAR, Numbers
from flowmatik.memory.embedders.all_minilm_l6_v2.nodes import Graph


def build_graph(model_folder: Path, *, numbers: Numbers = "float32", inner: int = 0) -> tuple[bytes, int]:
    """The serialised ONNX model and the dimension of its vectors. With `inner`, the model gives what its last
    so many layers make of a text instead: their means over tokens, then their maxima, side by side, not
    normalised; and, as a second output, what goes into those layers, batch × token × dimension."""
    load_file: Any = import_module("safetensors.numpy").load_file

    config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    graph = Graph(load_file(model_folder / "model.safetensors"), LINEAR[numbers])
    heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
    epsilon = float(config["layer_norm_eps"])
    value = _embeddings(graph, epsilon, np.float32 if numbers == "float32" else np.float16)
    mask = graph.node("Cast", "attention_mask", to=1)
    bias = _attention_bias(graph, mask)
    layers = [value]
    for layer in range(int(config["num_hidden_layers"])):
        value = _layer(graph, f"encoder.layer.{layer}", value, bias, heads, hidden // heads, epsilon)
        layers.append(value)
    if inner:
        means = [_mean(graph, one, mask) for one in layers[-inner:]]
        maxima = [_most(graph, one, mask) for one in layers[-inner:]]
        pooled = graph.node("Concat", *means, *maxima, axis=-1)
        return graph.serialise(pooled, layers[-inner - 1]), 2 * hidden * inner
    return graph.serialise(graph.node("LpNormalization", _mean(graph, value, mask), axis=-1, p=2)), hidden


def _embeddings(graph: Graph, epsilon: float, kept_as: type[np.float32 | np.float16]) -> str:
    name = "embeddings.word_embeddings.weight"
    table = graph.constant(name, graph.weights[name].astype(kept_as, copy=False))
    words = graph.node("Cast", graph.node("Gather", table, "input_ids"), to=1)
    count = graph.node("Shape", "input_ids", start=1, end=2)
    positions = graph.node(
        "Slice",
        graph.weight("embeddings.position_embeddings.weight"),
        graph.constant("zero", np.array([0], dtype=np.int64)),
        count,
        graph.constant("first_axis", np.array([0], dtype=np.int64)),
    )
    types = graph.constant("type_zero", graph.weights["embeddings.token_type_embeddings.weight"][0])
    total = graph.node("Add", graph.node("Add", words, positions), types)
    return graph.norm(total, "embeddings.LayerNorm", epsilon)


def _attention_bias(graph: Graph, mask: str) -> str:
    one = graph.constant("one", np.array(1.0, dtype=np.float32))
    low = graph.constant("low", np.array(-10000.0, dtype=np.float32))
    hidden = graph.node("Mul", graph.node("Sub", one, mask), low)
    return graph.node("Unsqueeze", hidden, graph.constant("axes", np.array([1, 2], dtype=np.int64)))


def _layer(graph: Graph, name: str, value: str, bias: str, heads: int, size: int, epsilon: float) -> str:
    split = graph.constant("split", np.array([0, 0, heads, size], dtype=np.int64))
    joined = graph.constant("joined", np.array([0, 0, heads * size], dtype=np.int64))

    def part(which: str, order: list[int]) -> str:
        projected = graph.linear(value, f"{name}.attention.self.{which}")
        return graph.node("Transpose", graph.node("Reshape", projected, split), perm=order)

    query, key = part("query", [0, 2, 1, 3]), part("key", [0, 2, 3, 1])
    scale = graph.constant("scale", np.array(1.0 / np.sqrt(size), dtype=np.float32))
    scores = graph.node("Mul", graph.node("MatMul", query, key), scale)
    weights = graph.node("Softmax", graph.node("Add", scores, bias), axis=-1)
    mixed = graph.node("MatMul", weights, part("value", [0, 2, 1, 3]))
    context = graph.node("Reshape", graph.node("Transpose", mixed, perm=[0, 2, 1, 3]), joined)
    attended = graph.linear(context, f"{name}.attention.output.dense")
    value = graph.norm(graph.node("Add", attended, value), f"{name}.attention.output.LayerNorm", epsilon)
    inner = graph.node("Gelu", graph.linear(value, f"{name}.intermediate.dense"))
    outer = graph.linear(inner, f"{name}.output.dense")
    return graph.norm(graph.node("Add", outer, value), f"{name}.output.LayerNorm", epsilon)


def _mean(graph: Graph, value: str, mask: str) -> str:
    last = graph.constant("last_axis", np.array([-1], dtype=np.int64))
    tokens = graph.constant("token_axis", np.array([1], dtype=np.int64))
    masked = graph.node("Mul", value, graph.node("Unsqueeze", mask, last))
    summed = graph.node("ReduceSum", masked, tokens, keepdims=0)
    return graph.node("Div", summed, graph.node("ReduceSum", mask, tokens, keepdims=1))


def _most(graph: Graph, value: str, mask: str) -> str:
    last = graph.constant("last_axis", np.array([-1], dtype=np.int64))
    tokens = graph.constant("token_axis", np.array([1], dtype=np.int64))
    one = graph.constant("one", np.array(1.0, dtype=np.float32))
    low = graph.constant("low", np.array(-10000.0, dtype=np.float32))
    hidden = graph.node("Unsqueeze", graph.node("Mul", graph.node("Sub", one, mask), low), last)
    return graph.node("ReduceMax", graph.node("Add", value, hidden), tokens, keepdims=0)
