"""What a router has learned: a fold of its entries, pure, so that every version can be had again.

For each agent and type of task it keeps weights of what went well and badly, both fading with every new
outcome, and means of cost, time and tokens; the same for each model of an agent that has several to choose
from. Types are leaders: the first task that is like no other is the centre of a new one.
"""

import base64
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from flowmatik.kernel.errors import InvalidInput

FORMAT = 1
FADE = 0.98  # of older outcomes, with every new one of the same agent and type
BY_PERSON = 3.0  # how many outcomes a person's word is worth
ALIKE = 0.55  # the cosine from which a task is of a type
MOST_TYPES = 64  # of a skill; then the nearest is taken
MOST_ROUTES = 20_000
KINDS = ("outcome", "feedback", "explore", "import", "reset", "rollback")


@dataclass(slots=True, kw_only=True)
class Tally:
    """Of one agent with one type of task, or of one of its models."""

    good: float = 0.0
    bad: float = 0.0
    cost: float = 0.0
    priced: float = 0.0  # the weight of the outcomes whose cost is known
    seconds: float = 0.0
    timed: float = 0.0
    into: float = 0.0  # tokens, and out of the model
    out: float = 0.0
    counted: float = 0.0

    def add(self, body: Mapping[str, Any]) -> None:
        good, cost, seconds = bool(body["good"]), body.get("cost_micros"), body.get("seconds")
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) * FADE)
        self.good, self.bad = self.good + good, self.bad + (not good)
        if cost is not None:
            self.cost, self.priced = self.cost + cost, self.priced + 1
        if seconds is not None:
            self.seconds, self.timed = self.seconds + seconds, self.timed + 1
        if (tokens := body.get("tokens")) is not None:
            self.into, self.out = self.into + tokens[0], self.out + tokens[1]
            self.counted += 1

    def plus(self, other: "Tally") -> "Tally":
        return Tally(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})

    def tokens(self) -> tuple[float, float] | None:
        return (self.into / self.counted, self.out / self.counted) if self.counted > 0 else None

    def mean_cost(self) -> float | None:
        return self.cost / self.priced if self.priced > 0 else None

    def mean_seconds(self) -> float | None:
        return self.seconds / self.timed if self.timed > 0 else None


@dataclass(slots=True, kw_only=True)
class TaskType:
    """`centre` is a unit vector of an embedder's, in 8 bits a dimension; "" for all tasks of a skill that are
    not told apart. Another embedder's vectors (`embedder`) are not compared."""

    skill: str
    centre: str = ""
    embedder: str = ""


@dataclass(slots=True, kw_only=True)
class LearnedState:
    explore: bool = True
    types: dict[str, TaskType] = field(default_factory=lambda: {})
    tallies: dict[tuple[str, str], Tally] = field(default_factory=lambda: {})  # by agent and type
    arms: dict[tuple[str, str, str], Tally] = field(default_factory=lambda: {})  # and by model

    def copied(self) -> "LearnedState":
        """Shares what neither changes: tallies are replaced, never written over."""
        return LearnedState(
            explore=self.explore, types=dict(self.types), tallies=dict(self.tallies), arms=dict(self.arms)
        )

    def apply(self, kind: str, body: Mapping[str, Any]) -> None:
        match kind:
            case "outcome":
                self._learn(body)
            case "feedback":
                self._hear(body)
            case "explore":
                self.explore = bool(body["on"])
            case "reset":
                self.types, self.tallies, self.arms = {}, {}, {}
            case _:  # import, rollback
                other = from_json(body["state"])
                self.explore, self.types, self.tallies = other.explore, other.types, other.tallies
                self.arms = other.arms

    def _learn(self, body: Mapping[str, Any]) -> None:
        name = str(body["type"])
        if name not in self.types:
            self.types[name] = TaskType(
                skill=str(body["skill"]),
                centre=str(body.get("centre", "")),
                embedder=str(body.get("embedder", "")),
            )
        for tally in self._anew(body):
            tally.add(body)

    def _hear(self, body: Mapping[str, Any]) -> None:
        for tally in self._anew(body):
            for word, sign in ((body.get("instead_of"), -1.0), (body["good"], 1.0)):
                if word is True:
                    tally.good = max(tally.good + sign * BY_PERSON, 0.0)
                elif word is False:
                    tally.bad = max(tally.bad + sign * BY_PERSON, 0.0)

    def _anew(self, body: Mapping[str, Any]) -> list[Tally]:
        """The agent's, and that of the model which was chosen among several (`among`)."""
        agent, name = str(body["agent"]), str(body["type"])
        found = [replace(self.tallies.get((agent, name), Tally()))]
        self.tallies[agent, name] = found[0]
        if body.get("among"):
            key = (agent, name, str(body["model"]))
            found.append(replace(self.arms.get(key, Tally())))
            self.arms[key] = found[1]
        return found


def nearest_type(
    state: LearnedState, skill: str, vector: npt.NDArray[np.float32] | None, embedder: str
) -> tuple[str, float]:
    """The type of a skill that a task is most like, and how much; ("", 0) when there is none to compare."""
    if vector is None:
        return "", 0.0
    found = [
        (float(unpacked(one.centre) @ vector), name)
        for name, one in state.types.items()
        if one.skill == skill and one.centre and one.embedder == embedder
    ]
    cosine, name = max(found, default=(0.0, ""))
    return name, cosine


def packed(vector: npt.NDArray[np.float32]) -> str:
    scaled = np.clip(np.round(vector * 127), -127, 127).astype(np.int8)
    return base64.b64encode(scaled.tobytes()).decode("ascii")


def unpacked(text: str) -> npt.NDArray[np.float32]:
    vector = np.frombuffer(base64.b64decode(text), dtype=np.int8).astype(np.float32)
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def to_json(state: LearnedState) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "explore": state.explore,
        "types": {name: asdict(one) for name, one in sorted(state.types.items())},
        "routes": [
            {"agent": agent, "type": name, **_rounded(tally)}
            for (agent, name), tally in sorted(state.tallies.items())
        ]
        + [
            {"agent": agent, "type": name, "model": model, **_rounded(tally)}
            for (agent, name, model), tally in sorted(state.arms.items())
        ],
    }


def _rounded(tally: Tally) -> dict[str, float]:
    return {key: round(value, 6) for key, value in asdict(tally).items()}


def from_json(body: object) -> LearnedState:
    """Raises InvalidInput (`input.router_state`) for what `to_json` does not write."""
    try:
        return _read(cast("Mapping[str, Any]", body))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = _why(error)
        raise InvalidInput(
            f"this is no state of a router: {said}; take what `flowmatik router export` wrote",
            code="input.router_state",
            context={"said": said},
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return str(error) if type(error) is ValueError else "a member of it has another form"


def _read(body: Mapping[str, Any]) -> LearnedState:
    if body["format"] != FORMAT:
        raise ValueError(f"format {body['format']!r} is not {FORMAT}")
    if set(body) - {"format", "explore", "types", "routes"}:
        raise ValueError(f"unknown members {sorted(set(body) - {'format', 'explore', 'types', 'routes'})}")
    if len(body["routes"]) > MOST_ROUTES:
        raise ValueError(f"more than {MOST_ROUTES} routes")
    if not isinstance(body["explore"], bool):
        raise ValueError("`explore` is neither true nor false")
    types = {str(name): TaskType(**row) for name, row in body["types"].items()}
    for one in types.values():
        unpacked(one.centre)
    tallies: dict[tuple[str, str], Tally] = {}
    arms: dict[tuple[str, str, str], Tally] = {}
    for row in body["routes"]:
        numbers = {key: float(value) for key, value in row.items() if key not in ("agent", "type", "model")}
        if any(not math.isfinite(value) or value < 0 for value in numbers.values()):
            raise ValueError(f"a weight of {row['agent']!r} is negative or no number")
        if row["type"] not in types:
            raise ValueError(f"the type {row['type']!r} is not among the types")
        key = (str(row["agent"]), str(row["type"]))
        if "model" in row:
            arms[*key, str(row["model"])] = Tally(**numbers)
        else:
            tallies[key] = Tally(**numbers)
    return LearnedState(explore=body["explore"], types=types, tallies=tallies, arms=arms)
