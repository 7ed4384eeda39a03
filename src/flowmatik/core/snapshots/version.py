"""The version of the fold: a digest of the source of everything that it computes with, so that no snapshot
outlives a change of any of it."""

from functools import cache
from pathlib import Path

from flowmatik.contracts.agents import AgentLoop
from flowmatik.kernel.sources import digest_of

# All that `fold` imports, and how a snapshot is written. A test compares it with the imports.
SOURCES = (
    "contracts",
    "core/brain/advice.py",
    "core/brain/books.py",
    "core/brain/gates.py",
    "core/brain/pictures.py",
    "core/brain/prompts.py",
    "core/brain/references.py",
    "core/brain/remembered.py",
    "core/brain/thread_memory.py",
    "core/cap_scopes.py",
    "core/events",
    "core/fold",
    "core/snapshots",
    "core/state.py",
    "kernel/canonical.py",
    "kernel/pictures.py",
)
ROOT = Path(__file__).parents[2]


def fold_version(loop: AgentLoop) -> str:
    """What a snapshot is marked with; two programs that agree on it fold alike."""
    return f"{_own()}.{loop.fold_version}"


@cache
def _own() -> str:
    return digest_of(ROOT, SOURCES)
