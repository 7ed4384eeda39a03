"""python -m benchmarks NAME [--quick] [--json] [--case C] [--rounds N]"""

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
    if arguments and arguments[0] in names():
        module = importlib.import_module(f"benchmarks.{arguments[0]}.run")
        return cast("Main", module.main)(arguments[1:])
    helped = bool(arguments) and arguments[0] in ("-h", "--help")
    out = sys.stdout if helped else sys.stderr
    if arguments and not helped:
        print(f"there is no benchmark {arguments[0]!r}", file=out)
    print(f"{__doc__}\n\nNAME is one of: {', '.join(names())}", file=out)
    return 0 if helped else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
