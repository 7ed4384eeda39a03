"""python -m benchmarks [NAME] [--quick] [--json] [--case C] [--rounds N]

Without a NAME, all of them, one after the other."""

import importlib
import sys
from pathlib import Path
from typing import cast

from benchmarks.harness import Main

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Every folder with a run.py is a benchmark; adding one touches nothing else."""
    return sorted(script.parent.name for script in FOLDER.glob("*/run.py"))


def main(arguments: list[str]) -> int:
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if name and not name.startswith("-"):
        if name not in names():
            print(f"there is no benchmark {name!r}\n\n{_usage()}", file=sys.stderr)
            return 2
        return _run(name, arguments[1:])
    return max(_run(each, arguments) for each in names())


def _run(name: str, options: list[str]) -> int:
    module = importlib.import_module(f"benchmarks.{name}.run")
    return cast("Main", module.main)(options)


def _usage() -> str:
    return f"{__doc__}\n\nNAME is one of: {', '.join(names())}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
