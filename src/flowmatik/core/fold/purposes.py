"""What calls are for, beyond recall, steps and the turns of agents. A new purpose of calls of models or tools
is a `Purpose` in a file of its own, named in `PURPOSES`; what advisers say needs none (`advice.py`)."""

from collections.abc import Callable
from dataclasses import dataclass

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core import events as ev
from flowmatik.core.events.adapting import REPLAN
from flowmatik.core.fold import adapting
from flowmatik.core.state import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What the state makes of a call and of its outcome. `refused`: by the cap of its task or of the plan;
    `unask`: a fork or retry takes back that it is open. Money is settled before."""

    asked: Callable[[RunState, ev.CallRequested], None]
    succeeded: Callable[[RunState, ev.CallRequested, ev.CallSucceeded, AgentLoop], None]
    failed: Callable[[RunState, ev.CallRequested, ev.CallFailed, AgentLoop], None]
    unask: Callable[[RunState, ev.CallRequested], None]
    refused: Callable[[RunState, ev.CallRefused], None] | None = None  # None: it fails its task


PURPOSES: dict[str, Purpose] = {
    REPLAN: Purpose(
        asked=adapting.asked,
        succeeded=adapting.succeeded,
        failed=adapting.failed,
        unask=adapting.unask,
        refused=adapting.refused,
    ),
}
