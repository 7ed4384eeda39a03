"""What calls are for, beyond recall, steps and the turns of agents. A new purpose of calls of models or tools
is a `Purpose` in a file of its own, named in `PURPOSES`; what advisers say needs none (`advice.py`)."""

from flowmatik.core.brain.thread_memory import DIGEST
from flowmatik.core.events.adapting import REPLAN
from flowmatik.core.events.cascades import DRAFT
from flowmatik.core.fold import adapting, cascades, judges, threads
from flowmatik.core.fold.purpose import Purpose as Purpose

PURPOSES: dict[str, Purpose] = {
    judges.JUDGE: judges.PURPOSE,
    DRAFT: cascades.PURPOSE,
    DIGEST: Purpose(
        asked=threads.asked,
        succeeded=threads.succeeded,
        failed=threads.failed,
        unask=threads.unask,
        refused=threads.refused,
    ),
    REPLAN: Purpose(
        asked=adapting.asked,
        succeeded=adapting.succeeded,
        failed=adapting.failed,
        unask=adapting.unask,
        refused=adapting.refused,
    ),
}
