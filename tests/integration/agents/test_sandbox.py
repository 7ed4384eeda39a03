"""Code that tries to get out of the sandbox, in a real one: of bubblewrap, and of nsjail where it is."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from flowmatik.agents.skills.box import SkillBox
from flowmatik.agents.skills.own.library import load_library
from flowmatik.agents.skills.sandbox.bubblewrap import Bubblewrap
from flowmatik.agents.skills.sandbox.code import code_skills
from flowmatik.agents.skills.sandbox.jail import Ended, Jail, Program, SandboxLimits
from flowmatik.agents.skills.sandbox.nsjail import Nsjail
from flowmatik.kernel.errors import FlowmatikError, Unavailable
from tests.unit.agents.skill_files import FRONT, context, write

LIMITS = SandboxLimits(seconds=4.0, cpu_seconds=2, memory=200_000_000, processes=16, output=50_000)


KINDS: list[type[Jail]] = [Bubblewrap, *([Nsjail] if shutil.which("nsjail") else [])]


@pytest.fixture(autouse=True, params=KINDS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which sandbox the code runs in."""
    monkeypatch.setattr(sys.modules[__name__], "jail", request.param)


jail: Any = Bubblewrap


async def python(code: str, limits: SandboxLimits = LIMITS) -> Ended:
    sandbox = jail(limits)
    assert sandbox.python is not None
    argv = (sandbox.python.path, "-I", "-S", "-B", "/run/code.py")
    return await sandbox.run(Program(argv=argv, files={"/run/code.py": code.encode()}))


async def out(code: str) -> str:
    ended = await python(code)
    assert (ended.code, ended.stderr) == (0, "")
    return ended.stdout.strip()


@pytest.mark.parametrize(
    "path", ["/etc/shadow", "/etc/passwd", "/root", "/home", str(Path.home()), str(Path.cwd())]
)
async def test_nothing_of_the_machine_is_there(path: str) -> None:
    assert await out(f"import os; print(os.path.lexists({path!r}))") == "False"


@pytest.mark.parametrize("path", ["/x", "/usr/x", "/run/code.py", "/etc/x", "/dev/x", "/bin/x"])
async def test_nothing_but_its_tmp_can_be_written(path: str) -> None:
    ended = await python(f"open({path!r}, 'w')")
    assert (ended.code, "OSError: [Errno 30]" in ended.stderr or "PermissionError" in ended.stderr) == (
        1,
        True,
    )


async def test_its_tmp_is_its_own_and_new_each_time(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    look = "import os; print(os.listdir('/tmp')); open('/tmp/mine', 'w').write('x')"
    assert [await out(look) for _ in range(2)] == ["[]", "[]"]


async def test_a_link_leads_nowhere_outside(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    code = f"import os; os.symlink({str(tmp_path / 'outside')!r}, '/tmp/l'); print(os.path.exists('/tmp/l'))"
    assert await out(code) == "False"


async def test_it_reaches_no_network_not_even_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = (
            f"import socket\ntry: socket.create_connection(('127.0.0.1', {port}), 1)\n"
            "except OSError as e: print('no')"
        )
        assert await out(code) == "no"
        assert (
            await out("import os; print(sorted(os.listdir('/sys')) if os.path.exists('/sys') else 'none')")
            == "none"
        )


async def test_it_sees_no_environment_and_no_other_process() -> None:
    os.environ["SANDBOX_SECRET"] = "s"
    try:
        assert await out("import os; print('SANDBOX_SECRET' in os.environ)") == "False"
    finally:
        del os.environ["SANDBOX_SECRET"]
    seen = await out("import os; print([p for p in os.listdir('/proc') if p.isdigit() and int(p) > 60])")
    assert seen == "[]"


async def test_it_signals_nobody_outside() -> None:
    code = (
        f"import os\nfor p in ({os.getpid()}, {os.getppid()}):\n"
        "  try: os.kill(p, 9); print('sent')\n  except OSError: print('no')"
    )
    assert await out(code) == "no\nno"


async def test_it_gets_no_rights_and_makes_no_namespaces() -> None:
    code = (
        "import ctypes, os; libc = ctypes.CDLL(None)\n"
        "print(os.getuid(), libc.unshare(0x10000000), libc.mount(b'none', b'/tmp', b'tmpfs', 0, None))"
    )
    assert await out(code) == "65534 -1 -1"


async def test_a_fork_bomb_stays_small() -> None:
    begun = time.monotonic()
    ended = await python(
        "import os\nwhile True:\n  try: os.fork()\n  except OSError: pass", SandboxLimits(seconds=1.5)
    )
    assert ended.code != 0
    assert time.monotonic() - begun < 8


async def test_memory_is_bounded_for_one_process_and_for_all_together() -> None:
    assert "MemoryError" in (await python("x = b'a' * 10_000_000_000")).stderr
    code = (
        "import os, time\nfor _ in range(8):\n  if os.fork() == 0:\n"
        "    x = bytearray(60_000_000); time.sleep(9); os._exit(0)\ntime.sleep(9)"
    )
    assert (await python(code)).stopped == "memory"


async def test_what_never_ends_is_ended_with_all_its_processes() -> None:
    code = "import os, time\nprint('begun', flush=True)\nif os.fork() == 0: os.setsid()\ntime.sleep(99)"
    ended = await python(code, SandboxLimits(seconds=0.7))
    assert (ended.stopped, ended.code, set(ended.stdout.split())) == ("time", 137, {"begun"}), ended.stderr
    assert (await python("while True: pass", SandboxLimits(seconds=3, cpu_seconds=1))).code == 137


ABORTING = """
import asyncio, ctypes, importlib, sys
from flowmatik.agents.skills.sandbox.jail import Program
module, name = sys.argv[1].split(":")
jail = getattr(importlib.import_module(module), name)()
libc = ctypes.CDLL(None)
libc.__register_atfork(None, None, ctypes.cast(libc.abort, ctypes.c_void_p), None)
ended = asyncio.run(jail.run(Program(argv=(jail.python.path, "-I", "-S", "-c", "print('alive')"))))
print(ended.code, ended.stdout.strip())
"""


def test_what_libraries_do_in_a_forked_child_does_not_end_a_program() -> None:
    place = f"{jail.__module__}:{jail.__name__}"
    told = subprocess.run(
        [sys.executable, "-c", ABORTING, place], capture_output=True, text=True, timeout=120, check=False
    )
    assert (told.stdout.split(), told.stderr) == (["0", "alive"], "")


async def test_output_and_files_are_bounded() -> None:
    ended = await python("while True: print('x' * 1000)")
    assert (ended.stopped, len(ended.stdout) <= LIMITS.output) == ("output", True)
    assert (await python("f = open('/tmp/x', 'wb')\nwhile True: f.write(b'a' * 1_000_000)")).code == 1


async def test_without_a_sandbox_nothing_is_run() -> None:
    for program in ("", "/bin/false"):
        with pytest.raises(Unavailable) as refused:
            await jail(program=program).run(Program(argv=("/bin/true",)))
        assert refused.value.code == "unavailable.sandbox"


async def call(tmp_path: Path, *folders: str, **arguments: Any) -> dict[str, Any]:
    files = {
        "letters/SKILL.md": FRONT + "Write.\n",
        "letters/scripts/count.sh": 'wc -w < /run/skill/words.txt; echo "$1"; cat\n',
        "letters/scripts/sum.py": "import json, sys\nprint(json.dumps({'sum': sum(json.load(sys.stdin))}))\n",
        "letters/words.txt": "one two three",
    }
    library = load_library(write(tmp_path / "skills", files))
    box = SkillBox(code_skills(library, jail(LIMITS)))
    return await box.call("run_code", arguments, context(*folders))


async def test_a_model_runs_python_with_what_it_is_given(tmp_path: Path) -> None:
    code = (
        "import json\n"
        "print(json.dumps([open('/run/files/a.txt').read(), json.load(open('/run/input.json'))]))"
    )
    said = await call(tmp_path, code=code, files={"a.txt": "text"}, input={"n": 1})
    assert said["result"] == ["text", {"n": 1}]
    failed = await call(tmp_path, code="raise SystemExit(3)")
    assert (failed["exit_code"], "result" in failed) == (3, False)


async def test_scripts_run_only_of_skills_that_the_profile_names(tmp_path: Path) -> None:
    said = await call(
        tmp_path, "letters", skill="letters", script="scripts/count.sh", arguments=["a b"], input=1
    )
    assert said["stdout"] == "3\na b\n1"
    summed = await call(tmp_path, "letters", skill="letters", script="scripts/sum.py", input=[1, 2])
    assert summed["result"] == {"sum": 3}
    for given, code in (
        ({"skill": "letters", "script": "scripts/count.sh"}, "auth.denied.skill"),
        ({"skill": "letters"}, "tool.code.choice"),
        ({}, "tool.code.choice"),
        ({"code": "1", "files": {"../x": ""}}, "tool.code.file"),
    ):
        with pytest.raises(FlowmatikError) as refused:
            await call(tmp_path, **given)
        assert refused.value.code == code
    with pytest.raises(FlowmatikError) as refused:
        await call(tmp_path, "letters", skill="letters", script="../../etc/passwd")
    assert refused.value.code == "not_found.skill_file"
