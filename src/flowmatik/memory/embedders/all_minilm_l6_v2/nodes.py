"""An ONNX graph while it is being put together."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

OPSET = 20
OWN = "com.microsoft"  # what ONNX Runtime has beyond the standard
Array = npt.NDArray[Any]
Linear = Callable[["Graph", str, str], str]


class Graph:
    """`linear` multiplies a value with the weights of that name, in numbers of its own."""

    def __init__(self, weights: dict[str, Array], linear: Linear) -> None:
        from onnx import helper, numpy_helper

        self._helper: Any = helper
        self._to_tensor: Any = numpy_helper.from_array
        self.weights = weights
        self.known: dict[str, str] = {}  # what a linear layer has made of a value, for the next one
        self._linear = linear
        self._used: dict[str, Array] = {}
        self._nodes: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        output = f"t{len(self._nodes)}"
        self._nodes.append(self._helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def weight(self, name: str) -> str:
        self._used[name] = self.weights[name]
        return name

    def constant(self, name: str, value: Array) -> str:
        self._used[name] = value
        return name

    def linear(self, value: str, name: str) -> str:
        return self.node("Add", self._linear(self, value, name), self.weight(f"{name}.bias"))

    def norm(self, value: str, name: str, epsilon: float) -> str:
        scale, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.node("LayerNormalization", value, scale, bias, axis=-1, epsilon=epsilon)

    def serialise(self, *outputs: str) -> bytes:
        """The model with these outputs, the first of them batch × dimension."""
        from onnx import TensorProto

        make = self._helper
        inputs = [
            make.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        shapes = (["batch", "dimension"], *[None] * (len(outputs) - 1))
        given = [
            make.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in zip(outputs, shapes, strict=True)
        ]
        tensors = [self._to_tensor(value, name) for name, value in self._used.items()]
        graph = make.make_graph(self._nodes, "minilm", inputs, given, tensors)
        sets = [make.make_opsetid("", OPSET), make.make_opsetid(OWN, 1)]
        return make.make_model(graph, opset_imports=sets, ir_version=9).SerializeToString()
