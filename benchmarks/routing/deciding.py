"""How long a decision among many agents takes once the task is embedded: facts of the adviser, and choice."""

import statistics
import time

import numpy as np

from flowmatik.contracts.agents import AgentVersion
from flowmatik.core.brain.arms import Able
from flowmatik.core.brain.choosing import choose
from flowmatik.kernel import canonical
from flowmatik.learning.routing import Samples
from flowmatik.learning.routing.adviser import Seen, facts
from flowmatik.learning.routing.index import AgentIndex, texts_of
from flowmatik.learning.routing.lexical import unit
from flowmatik.learning.routing.state import LearnedState, Tally, TaskType, packed
from flowmatik.learning.routing.store import Learned

WORDS = [
    "invoice",
    "parcel",
    "refund",
    "address",
    "password",
    "discount",
    "return",
    "order",
    "supplier",
    "contract",
    "meeting",
    "calendar",
    "report",
    "ticket",
    "customer",
    "payment",
    "delivery",
    "stock",
    "price",
    "legal",
    "tax",
    "travel",
    "hotel",
    "flight",
    "visa",
    "salary",
    "holiday",
    "training",
]


def milliseconds(agents: int, decisions: int) -> float:
    """The median of a decision. The agents have made-up summaries and vectors, 20 types of tasks were learned
    with each tenth of them."""
    random = np.random.default_rng(0)
    known = [
        AgentVersion(
            name=f"agent-{n}", version=f"{n:012x}", role="support", instructions="", skills=("support",),
            summary=" ".join(random.choice(WORDS, 12)),
        )
        for n in range(agents)
    ]  # fmt: skip
    count = sum(len(texts_of(agent)) for agent in known)
    index = AgentIndex(known, unit(random.normal(size=(count, 384)).astype(np.float32)), None)
    centres = unit(random.normal(size=(20, 384)).astype(np.float32))
    types = {
        f"support#{n}": TaskType(skill="support", centre=packed(one), embedder="e")
        for n, one in enumerate(centres)
    }
    tallies = {
        (agent.name, name): Tally(good=5.0, bad=1.0, cost=900.0, priced=6.0, seconds=9.0, timed=6.0)
        for agent in known[::10]
        for name in types
    }
    learned = Learned(version=7, state=LearnedState(types=types, tallies=tallies))
    seen = Seen(learned, "support", "e")
    able = {agent.ref(): Able(models=("m",), left_micros=10_000) for agent in known}
    taken: list[float] = []
    for n in range(decisions):
        text, vector = " ".join(random.choice(WORDS, 9)), centres[n % 20][None]
        begun = time.perf_counter()
        like = index.likeness(text, Samples(texts=[text], vectors=vector))
        said = facts(index, seen, like, vector) | {"seed": str(n)}
        said = canonical.loads(canonical.dumps(said))  # as the journal gives it
        if choose(said, able, declared=True).chosen is None:
            raise RuntimeError("nobody was chosen")
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken)
