"""A process that serves runs in uvloop's event loop where that is installed, else in asyncio's."""

import asyncio
import io
import sys
from importlib.util import find_spec

import pytest
import typer
from rich.console import Console

from flowmatik.app.cli.session import Session
from flowmatik.app.event_loop import new_event_loop
from flowmatik.app.texts import Texts


async def module_of_the_loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def run_in_it() -> str:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(module_of_the_loop())


def test_without_uvloop_the_loop_is_that_of_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_in_it() == "asyncio"


def test_where_uvloop_is_installed_it_is_taken() -> None:
    assert run_in_it() == ("uvloop" if find_spec("uvloop") else "asyncio")


def test_a_command_runs_in_the_loop_that_it_asks_for() -> None:
    made: list[asyncio.AbstractEventLoop] = []

    def loop() -> asyncio.AbstractEventLoop:
        made.append(asyncio.new_event_loop())
        return made[0]

    async def work() -> int:
        assert asyncio.get_running_loop() is made[0]
        return 3

    session = Session(text=Texts("en"), environment={}, out=Console(), err=Console(file=io.StringIO()))
    with pytest.raises(typer.Exit) as left:
        session.run(work(), loop)
    assert left.value.exit_code == 3
    assert made[0].is_closed()
