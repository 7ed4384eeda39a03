"""What was learned, made ready to be asked about many tasks."""

import numpy as np
import numpy.typing as npt

from flowmatik.learning.routing.lexical import Matrix
from flowmatik.learning.routing.state import ALIKE, LearnedState, Tally, unpacked
from flowmatik.learning.routing.store import Learned


class Seen:
    """What was learned of one skill, as far as one embedder's vectors tell, made ready to be asked often."""

    def __init__(self, learned: Learned, skill: str, embedder: str) -> None:
        state = learned.state
        self.version, self.explore, self.tallies = learned.version, state.explore, state.tallies
        known = {
            name: one
            for name, one in state.types.items()
            if one.skill == skill and one.centre and one.embedder == embedder
        }
        self._types = list(known)
        self._centres = np.array([unpacked(one.centre) for one in known.values()], dtype=np.float32)
        self.overall = _overall(state, skill)
        self.arms = state.arms
        self.arms_overall = _arms_overall(state, skill)
        place = {name: n for n, name in enumerate(self._types)}
        rates = [
            (agent, place[name], rate_of(tally))
            for (agent, name), tally in state.tallies.items()
            if name in place and tally.good > tally.bad
        ]
        self._did_well: dict[str, tuple[list[int], list[float]]] = {}
        for agent, at, rate in rates:
            places, shares = self._did_well.setdefault(agent, ([], []))
            places.append(at)
            shares.append(rate)

    def cosines(self, vector: Matrix | None) -> npt.NDArray[np.float32]:
        if vector is None or not self._types:
            return np.zeros(0, dtype=np.float32)
        return self._centres @ vector[0]

    def task_type(self, cosines: npt.NDArray[np.float32]) -> str:
        """ "" for a task that is like none of the types."""
        if not len(cosines) or cosines.max() < ALIKE:
            return ""
        return self._types[int(cosines.argmax())]

    def past(self, agent: str, cosines: npt.NDArray[np.float32]) -> float | None:
        """How like the task is to those that the agent did well: the cosine with the centre of their type
        times the share that went well."""
        if agent not in self._did_well or not len(cosines):
            return None
        places, shares = self._did_well[agent]
        return max(float(cosines[at]) * share for at, share in zip(places, shares, strict=True))


def _overall(state: LearnedState, skill: str) -> dict[str, Tally]:
    """By agent, over all types of the skill."""
    found: dict[str, Tally] = {}
    for (agent, name), tally in state.tallies.items():
        if name in state.types and state.types[name].skill == skill:
            found[agent] = found.get(agent, Tally()).plus(tally)
    return found


def _arms_overall(state: LearnedState, skill: str) -> dict[tuple[str, str], Tally]:
    """By agent and model, over all types of the skill."""
    found: dict[tuple[str, str], Tally] = {}
    for (agent, name, model), tally in state.arms.items():
        if name in state.types and state.types[name].skill == skill:
            found[agent, model] = found.get((agent, model), Tally()).plus(tally)
    return found


def rate_of(tally: Tally | None) -> float:
    return 0.75 if tally is None else (3 + tally.good) / (4 + tally.good + tally.bad)
