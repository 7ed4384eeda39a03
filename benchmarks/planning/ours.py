"""Plans of `n` tasks, compiled and validated by the product's own code."""

import statistics
import time
from collections.abc import Mapping
from typing import Any

from flowmatik.agents.playbooks import Playbook, compiled, parse_playbook
from flowmatik.app.playbook_check import shipped_forms
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.brain.planning import validated
from flowmatik.core.state import RunState

TIMES = 20
LAYER = 10
READER = AgentVersion(name="reader", version="0" * 12, role="researcher", summary="", instructions="",
                      skills=("documents",), tools=("memory_search",))  # fmt: skip
HEAD = "apiVersion: flowmatik/v1\nkind: Playbook\nsummary: S\nmetadata: {name: NAME}\nparameters:\n"


async def measure(job: Mapping[str, Any]) -> Mapping[str, float]:
    """`value` is milliseconds of CPU."""
    n, what = int(job["n"]), str(job["what"])
    state = _state()
    book, library = _playbook(n)
    forms = shipped_forms()
    tasks = compiled(book, {}, library, forms).tasks
    if len(tasks) != n or validated(state, tasks).faults:
        raise RuntimeError("what is measured is no plan that may run")
    took: list[float] = []
    for _ in range(TIMES):
        start = time.process_time()
        if what != "validated":
            tasks = compiled(book, {}, library, forms).tasks
        if what != "compiled":
            validated(state, tasks)
        took.append((time.process_time() - start) * 1000)
    return {"value": statistics.median(took)}


def _state() -> RunState:
    created = ev.RunCreated(
        run_id="run_1", workspace_id="w", goal="g", created_at="2026-01-01T00:00:00+00:00", model="local/m",
        agents=(READER,), tools={"memory_search": ev.PinnedTool(effect=Effect.READ, timeout=5.0)},
        budget_micros=10**9, deadline_at="2026-01-02T00:00:00+00:00", turn_micros={READER.ref(): 10},
    )  # fmt: skip
    return RunState(created=created)


def _playbook(n: int) -> tuple[Playbook, dict[str, Playbook]]:
    """Layers of ten: a loop over a list, in turn with a playbook of ten tasks."""
    inner = HEAD.replace("NAME", "inner") + "  about: {default: this}\ntasks:\n"
    for k in range(LAYER):
        inner += f"  - {{id: i{k}, objective: 'What is ${{about}} number {k}?', skill: documents}}\n"
    items = ", ".join(f"item {k}" for k in range(LAYER))
    outer = HEAD.replace("NAME", "outer") + f"  items: {{type: list, default: [{items}]}}\ntasks:\n"
    for layer in range(n // LAYER):
        needs = f"[l{layer - 1}]" if layer else "[]"
        if layer % 2:
            outer += f"  - {{id: l{layer}, use: inner, with: {{about: 'layer {layer}'}}, needs: {needs}}}\n"
        else:
            loop = "{parameter: items, as: item}"
            call = "tool: memory_search, arguments: {query: '${item}'}"
            outer += f"  - {{id: l{layer}, objective: look, for_each: {loop}, {call}, needs: {needs}}}\n"
    books = [parse_playbook(text, filename="b.yaml") for text in (outer, inner)]
    return books[0], {book.name: book for book in books}
