"""`run_code`: Python of the model's, and scripts of skill folders, in the sandbox."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from flowmatik.agents.skills.box import Skill, skill
from flowmatik.agents.skills.own.box import permitted
from flowmatik.agents.skills.own.library import LoadedFolder, SkillLibrary
from flowmatik.agents.skills.own.reading import MAX_FOLDER_BYTES, files_of, read_bytes
from flowmatik.agents.skills.sandbox.jail import Ended, Program, Sandbox
from flowmatik.contracts.tools import ToolContext
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import NotFound, ToolInputInvalid

MAX_CODE = 200_000
MAX_FILES = 50
MAX_FILE_BYTES = 1_000_000
CODE = "/run/code.py"
INPUT = "/run/input.json"
FILES = "/run/files"
SKILL = "/run/skill"
SCRIPTS = (".py", ".sh")

Argument = Annotated[str, Field(max_length=4000)]


def code_skills(library: SkillLibrary, sandbox: Sandbox) -> list[Skill]:
    async def run_code(
        context: ToolContext,
        code: Annotated[str, Field(max_length=MAX_CODE, description="Python; or name a script")] = "",
        skill: Annotated[str, Field(max_length=64, description="skill whose script is run")] = "",
        script: Annotated[str, Field(max_length=300, description="a .py or .sh file of the skill")] = "",
        arguments: Annotated[list[Argument] | None, Field(max_length=50)] = None,
        input: Annotated[Any, Field(description="JSON, on standard input and in /run/input.json")] = None,
        files: Annotated[
            dict[str, str] | None, Field(max_length=MAX_FILES, description="texts by name, in /run/files")
        ] = None,
    ) -> dict[str, Any]:
        """Run Python (standard library only), or a script of a skill, in a sandbox: no network, no files but
        those that are given, some seconds. What it prints comes back; as `result` too, if it is JSON."""
        argv, given = await asyncio.to_thread(_chosen, library, context, code, skill, script)
        data = canonical.dumps(input).encode()
        given |= {INPUT: data, **_texts(files or {})}
        python = sandbox.python.path if sandbox.python else ""
        argv = [python if one == "python" else one for one in argv]
        ended = await sandbox.run(Program(argv=(*argv, *(arguments or [])), files=given, stdin=data))
        return _told(ended)

    return [skill(run_code, timeout=120.0)]


def _chosen(
    library: SkillLibrary, context: ToolContext, code: str, name: str, script: str
) -> tuple[Sequence[str], dict[str, bytes]]:
    """How it is begun, and the files that it needs."""
    if bool(code) == bool(name and script) or bool(name) != bool(script):
        raise ToolInputInvalid(
            "run_code: give either code, or skill and script", code="tool.code.choice", context={}
        )
    if code:
        return ["python", "-I", "-S", "-B", CODE], {CODE: code.encode("utf-8", "replace")}
    folder = permitted(library, name, context)
    if script not in files_of(folder.path):
        raise NotFound(
            f"the skill has no file {script!r}", code="not_found.skill_file", context={"path": script}
        )
    if not script.endswith(SCRIPTS):
        raise ToolInputInvalid(
            f"run_code: script: {script!r} cannot be run; name a .py or .sh file",
            code="tool.code.script",
            context={"path": script},
        )
    begin = ["/bin/bash"] if script.endswith(".sh") else ["python", "-I", "-S", "-B"]
    return [*begin, f"{SKILL}/{script}"], _folder(folder)


def _folder(folder: LoadedFolder) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = MAX_FOLDER_BYTES
    for name in files_of(folder.path):
        found[f"{SKILL}/{name}"] = read_bytes(folder.path, name, most=left)
        left -= len(found[f"{SKILL}/{name}"])
    return found


def _texts(files: dict[str, str]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, text in files.items():
        parts = name.split("/")
        data = text.encode("utf-8", "replace")
        if not name or len(name) > 200 or "\0" in name or any(part in ("", ".", "..") for part in parts):
            raise ToolInputInvalid(
                f"run_code: files: {name[:80]!r} is no file name; use another",
                code="tool.code.file",
                context={"path": name[:80]},
            )
        if len(data) > MAX_FILE_BYTES:
            raise ToolInputInvalid(
                f"path: {name!r} is larger than {MAX_FILE_BYTES} bytes; split it",
                code="tool.skill.large",
                context={"path": name, "limit": MAX_FILE_BYTES},
            )
        found[f"{FILES}/{name}"] = data
    return found


def _told(ended: Ended) -> dict[str, Any]:
    said: dict[str, Any] = {"exit_code": ended.code, "stdout": ended.stdout, "stderr": ended.stderr}
    if ended.stopped:
        said["stopped"] = f"it went beyond its bound of {ended.stopped}"
    elif ended.code == 0:
        try:
            said["result"] = canonical.loads(ended.stdout)
        except ValueError:
            return said
    return said
