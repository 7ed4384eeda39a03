"""A BERT encoder's last layers, small and made up."""

import numpy as np
import numpy.typing as npt

from flowmatik.contracts.memory import LastLayers

WIDTH, HEADS, LAYERS = 8, 2, 2


def small_layers() -> LastLayers:
    random = np.random.default_rng(3)

    def weights(outputs: int, inputs: int) -> npt.NDArray[np.float32]:
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
