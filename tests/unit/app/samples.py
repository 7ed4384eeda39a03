"""Runs as the engine would report them, and a session that writes into strings."""

import io
from collections.abc import AsyncIterator

from rich.console import Console

from flowmatik.app.cli.session import Session
from flowmatik.app.texts import Texts
from flowmatik.contracts.answers import Answer, Citation
from flowmatik.contracts.runs import Check, InDoubtCall, RunStatus, RunView, TaskStatus, TaskView
from flowmatik.kernel.events import CloudEvent


def session(language: str = "en", *, json: bool = False) -> Session:
    return Session(
        text=Texts(language),
        environment={},
        json=json,
        out=Console(file=io.StringIO(), width=200, markup=False, highlight=False),
        err=Console(file=io.StringIO(), width=200, markup=False, highlight=False),
    )


def written(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def task(status: TaskStatus = TaskStatus.SUCCEEDED, error: str = "") -> TaskView:
    return TaskView(
        id="t1",
        objective="look it up",
        skill="documents",
        needs=(),
        agent="researcher",
        status=status,
        checks=(Check(criterion="citations", passed=True, detail="2 of 2 quotes found"),),
        error=error,
    )


def answered() -> RunView:
    return RunView(
        id="run_1",
        workspace_id="default",
        goal="How long is the guarantee?",
        status=RunStatus.SUCCEEDED,
        created_at="2026-01-01T00:00:00+00:00",
        planner="local",
        plan_reason="one question about documents",
        tasks=(task(),),
        answer=Answer(
            text="36 months [1], 15.2 hours [2], see [3].",
            found=True,
            citations=(
                Citation(n=1, source="guide.md", quote="36 months", lines=(4, 6)),
                Citation(n=2, source="t.csv", quote="15.2", computation="SELECT avg(h) FROM t"),
                Citation(n=3, source="c.pdf", quote="a\x1b[31mb", page=2),
            ),
        ),
        verified=(
            Check(criterion="citations", passed=True, detail="3 of 3"),  # as runs of version 1 have it
            Check(criterion="tone", passed=False),
            Check(
                criterion="citation",
                passed=True,
                detail="citation 1 stands word for word in guide.md, line 4",
                code="citation.on_line",
                values={"n": 1, "source": "guide.md", "line": 4},
            ),
        ),
        cost_micros=1500,
        input_tokens=100,
        output_tokens=20,
        seconds=1.23456,
        models=("local/extractive",),
    )


def ended(status: RunStatus, *, code: str = "", error: str = "") -> RunView:
    return RunView(
        id="run_2",
        workspace_id="default",
        goal="g",
        status=status,
        created_at="2026-01-01T00:00:00+00:00",
        error_code=code,
        error=error,
        in_doubt=(InDoubtCall(call_id="call_1", tool="mail_send", arguments={"to": "x"}, why="no reply"),)
        if status is RunStatus.IN_DOUBT
        else (),
    )


def event(seq: int, type_: str) -> CloudEvent:
    return CloudEvent(
        id=f"run_1:{seq}",
        source="/workspaces/default/runs",
        type=f"flowmatik.{type_}",
        time="2026-01-01T00:00:00+00:00",
        subject="run_1",
        workspace_id="default",
        seq=seq,
        data={"n": seq},
    )


async def stream(*events: CloudEvent) -> AsyncIterator[CloudEvent]:
    for one in events:
        yield one
