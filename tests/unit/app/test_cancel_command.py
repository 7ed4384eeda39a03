"""`runs cancel` when the process that was asked ends with the run that it drove."""

import io
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import pytest
from rich.console import Console

from flowmatik.app.backend import Backend
from flowmatik.app.cli.runs import cancel_run
from flowmatik.app.cli.session import Session
from flowmatik.app.texts import Texts
from flowmatik.contracts.runs import RunStatus, RunView
from flowmatik.kernel.errors import Conflict, Unavailable

ENDED = RunView(id="run_1", workspace_id="default", goal="x", status=RunStatus.CANCELLED, created_at="")


@dataclass
class Asked:
    """What one process answers: an error to `cancel`, and one to `wait`."""

    cancel_fault: Exception | None = None
    wait_fault: Exception | None = None
    here: bool = False
    workspace_id: str = "default"

    @property
    def runs(self) -> "Asked":
        return self

    async def cancel(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        if self.cancel_fault:
            raise self.cancel_fault

    async def wait(self, workspace_id: str, run_id: str) -> RunView:
        if self.wait_fault:
            raise self.wait_fault
        return ENDED


class Answered(Session):
    """A session whose processes come one after the other."""

    processes: list[Asked]

    @asynccontextmanager
    async def backend(self) -> AsyncGenerator[Backend]:
        yield cast("Backend", self.processes.pop(0))


def session(*processes: Asked) -> Session:
    made = Answered(text=Texts("en"), environment={}, out=Console(), err=Console(file=io.StringIO()))
    object.__setattr__(made, "processes", list(processes))
    return made


def gone() -> Unavailable:
    return Unavailable("gone", code="unavailable.server")


def ended() -> Conflict:
    return Conflict("it has ended", code="conflict.run_ended")


async def cancelled(*processes: Any) -> int:
    return await cancel_run(session(*processes), "run_1", "")


@pytest.mark.parametrize("first", [Asked(wait_fault=gone()), Asked(cancel_fault=gone())])
async def test_a_process_that_ends_with_the_run_has_cancelled_it(first: Asked) -> None:
    assert await cancelled(first, Asked(cancel_fault=ended(), here=True)) == 0


async def test_a_run_that_had_ended_before_is_a_conflict() -> None:
    with pytest.raises(Conflict):
        await cancelled(Asked(cancel_fault=ended(), here=True))
