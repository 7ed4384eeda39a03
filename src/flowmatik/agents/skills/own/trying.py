"""A skill tried out by its author: its own tests, without a library for tests."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowmatik.agents.skills.own.loading import ImportFailed, forget, load_module
from flowmatik.agents.skills.own.outside import Outside
from flowmatik.kernel.errors import ToolError

TEST_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """`said` is why it failed, "" when it did not."""

    name: str
    said: str = ""


async def run_tests(folder: Path) -> list[Tried]:
    """Every function `test_…` of its files `test_*.py`, sync or async, in the order in which they stand."""
    forget(folder)
    outside = Outside(folder.name)
    tried: list[Tried] = []
    try:
        for path in await asyncio.to_thread(_files, folder):
            try:
                module = await asyncio.to_thread(load_module, folder, path)
            except ImportFailed as error:
                tried.append(Tried(name=f"{path.name}:{error.line}", said=str(error)))
                continue
            for name, function in list(vars(module).items()):
                if name.startswith("test_") and callable(function):
                    said = await _failure(outside, name, function)
                    tried.append(Tried(name=f"{path.name}::{name}", said=said))
    finally:
        outside.close()
    return tried


def _files(folder: Path) -> list[Path]:
    return [path for place in (folder, folder / "tools") for path in sorted(place.glob("test_*.py"))]


async def _failure(outside: Outside, name: str, function: Callable[..., Any]) -> str:
    try:
        await outside.run(name, function, {}, TEST_SECONDS)
    except ToolError as error:
        return error.message
    except Exception as error:  # whatever a test raises is its failure
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        line = f" (line {trace.tb_lineno})" if trace is not None else ""
        return f"{type(error).__name__}: {error}{line}"
    return ""
