"""CLINC150 (Larson et al., "An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction",
EMNLP 2019), with nothing from out of scope to learn from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.routing.telling import Told, samples_of, told
from flowmatik.learning.routing import Samples

SHOTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinc:
    """Embedded once; `train` and `test` with their labels, `names` of the classes in words."""

    train: tuple[Samples, list[str]]
    held_out: Samples
    test: tuple[Samples, list[str]]
    outside: Samples
    names: tuple[Samples, list[str]]

    async def full(self) -> Told:
        return await told(self.train, self.held_out, self.test, self.outside)

    async def few(self, seed: int, *, named: bool = False) -> Told:
        """From `SHOTS` examples of each class; `named`: and from its name, as agents have one, too."""
        random, labels = np.random.default_rng(seed), np.array(self.train[1])
        rows = np.concatenate(
            [
                random.choice(np.flatnonzero(labels == one), SHOTS, replace=False)
                for one in sorted(set(labels))
            ]
        )
        few = (self.train[0].take(rows), [self.train[1][int(row)] for row in rows])
        if named:
            few = (few[0].beside(self.names[0]), [*few[1], *self.names[1]])
        return await told(few, self.held_out, self.test, self.outside)


async def clinc(data: Path, *, intents: int | None = None) -> Clinc:
    """`intents`: only the first so many of them, which makes the task easier."""
    document: dict[str, Any] = json.loads((data / "data_full.json").read_text(encoding="utf-8"))
    kept = set(sorted({label for _, label in document["train"]})[:intents])

    async def part(name: str) -> tuple[Samples, list[str]]:
        rows: Sequence[Any] = [row for row in document[name] if name.startswith("oos") or row[1] in kept]
        return await samples_of([row[0] for row in rows]), [row[1] for row in rows]

    return Clinc(
        train=await part("train"),
        held_out=(await part("val"))[0],
        test=await part("test"),
        outside=(await part("oos_test"))[0],
        names=(await samples_of([name.replace("_", " ") for name in sorted(kept)]), sorted(kept)),
    )
