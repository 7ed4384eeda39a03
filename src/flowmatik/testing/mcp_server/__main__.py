"""`python -m flowmatik.testing.mcp_server [STATE]`: the server on standard input and output. It starts a
child that would outlive it, as servers behind a shell or npx do."""

import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from flowmatik.testing.mcp_server.desk import Die, McpDesk, Noise


def main(arguments: list[str]) -> int:
    state = Path(arguments[0]) if arguments else None
    desk = McpDesk(state=state, environment=_environment())
    if state is not None:
        child = os.posix_spawn("/bin/sleep", ["sleep", "600"], {})
        state.with_name(f"{state.name}.child").write_text(str(child), encoding="utf-8")
    sys.stderr.write("the emulator is up\n")
    sys.stderr.flush()
    for line in sys.stdin:
        try:
            for message in desk.answer(json.loads(line)):
                _say(json.dumps(message))
        except Noise:
            _say("this is no JSON")
        except Die:
            _die()
    return 0


def _environment() -> dict[str, str]:
    """As the kernel gave it, for only the settings read the environment of this program."""
    raw = Path("/proc/self/environ").read_bytes().decode()
    return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _die() -> NoReturn:
    sys.stderr.write("the emulator dies\n")
    sys.stderr.flush()
    raise SystemExit(3)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
