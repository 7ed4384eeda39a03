"""In which order the processes of a run get the tests.

pytest-xdist deals each process as many tests as the others, one after the other (`--dist worksteal`), and who
has none left takes some of another's. What takes long therefore stands at the beginning of every process's
part: at the end there is only what takes little, and no process goes on for minutes alone.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import PurePath

import pytest

# Folders and modules whose tests take long, the longest single tests first.
LONG = (
    "tests/e2e/test_first_agent.py",
    "tests/e2e/test_xquad.py",
    "tests/e2e/test_handbook_questions.py",
    "tests/e2e/test_readme_commands.py",
    "tests/e2e/test_cli_postgres.py",
    "tests/e2e/test_crash.py",
    "tests/e2e",
    "tests/integration/core",
    "tests/integration/app",
    "tests/simulation",
)


def dealt(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """The tests of a module stay together, in their order: they share what it has prepared."""
    modules: dict[str, list[pytest.Item]] = {}
    for item in items:
        modules.setdefault(item.nodeid.partition("::")[0], []).append(item)
    long = sorted((name for name in modules if _rank(name) < len(LONG)), key=_rank)
    short = iter([item for name, found in modules.items() if _rank(name) == len(LONG) for item in found])
    order: list[pytest.Item] = []
    for process in range(processes):
        part = [item for name in long[process::processes] for item in modules[name]]
        size = (len(items) - len(order)) // (processes - process)
        order += [*part, *islice(short, max(0, size - len(part)))]
    return order + list(short)


def _rank(module: str) -> int:
    around = {module, *map(str, PurePath(module).parents)}
    return next((rank for rank, name in enumerate(LONG) if name in around), len(LONG))
