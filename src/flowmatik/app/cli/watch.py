"""Following a run: a live plan on a terminal, plain lines elsewhere, NDJSON for programs."""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import orjson
from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text
from rich.tree import Tree

from flowmatik.app.backend import Backend
from flowmatik.app.cli.answer_view import plan_line, task_line
from flowmatik.app.cli.deprecations import say_deprecated
from flowmatik.app.cli.session import Session, clean
from flowmatik.contracts.deltas import Progress, UnderWay
from flowmatik.contracts.runs import RunView, TaskStatus
from flowmatik.kernel.errors import Unavailable
from flowmatik.kernel.events import CloudEvent

REFRESH_SECONDS = 0.1
SHOWN_CHARACTERS = 400
SHOWN_CALLS = 3
ENDS = ("CallSucceeded", "CallFailed", "CallInDoubt")
WORKING = (TaskStatus.RUNNING, TaskStatus.VERIFYING)


class Watcher(Protocol):
    """`shows_text`: it is told what models are writing and how far tools are, too."""

    @property
    def shows_text(self) -> bool: ...

    def on_delta(self, delta: UnderWay) -> None: ...

    def on_event(self, event: CloudEvent) -> None: ...

    def on_view(self, view: RunView) -> None: ...

    def close(self) -> None: ...


def watcher_for(session: Session) -> Watcher:
    if session.json:
        return JsonWatcher(session)
    return LiveWatcher(session) if session.err.is_terminal else PlainWatcher(session)


@dataclass(slots=True, kw_only=True)
class Following:
    """How far a run has been watched: `seen` is the seq of the last event shown; `sources` are the
    documents that it was given."""

    run_id: str = ""
    sources: tuple[str, ...] = ()
    seen: int = 0


async def follow(backend: Backend, following: Following, watcher: Watcher) -> RunView:
    """Until the run has ended, waits or is in doubt; the view it ended with."""
    changed = asyncio.Event()
    run_id = following.run_id

    async def refresh() -> None:
        while True:
            await changed.wait()
            changed.clear()
            try:
                watcher.on_view(await backend.runs.get(backend.workspace_id, run_id))
            except Unavailable:  # whoever reads the events decides what that means
                changed.set()
            await asyncio.sleep(REFRESH_SECONDS)

    async def read_along() -> None:
        async with backend.deltas.watch(backend.workspace_id, run_id) as deltas:
            async for delta in deltas:
                watcher.on_delta(delta)

    refresher = asyncio.create_task(refresh())
    reader = asyncio.create_task(read_along()) if watcher.shows_text else None
    try:
        events = backend.runs.events(backend.workspace_id, run_id, after_seq=following.seen, follow=True)
        async for event in events:
            watcher.on_event(event)
            following.seen = event.seq
            changed.set()
        view = await backend.runs.wait(backend.workspace_id, run_id)
        refresher.cancel()
        watcher.on_view(view)
        return view
    finally:
        beside = [task for task in (refresher, reader) if task is not None]
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        watcher.close()


class JsonWatcher:
    """The run's events, one CloudEvent a line."""

    shows_text = False

    def __init__(self, session: Session) -> None:
        self._session = session

    def on_delta(self, delta: UnderWay) -> None:
        pass

    def on_event(self, event: CloudEvent) -> None:
        self._session.print_line(orjson.dumps(event.to_json()).decode())

    def on_view(self, view: RunView) -> None:
        pass

    def close(self) -> None:
        pass


class PlainWatcher:
    """A line for the plan and one for every change of a task."""

    shows_text = False

    def __init__(self, session: Session) -> None:
        self._session = session
        self._planned = False
        self._seen: dict[str, TaskStatus] = {}

    def on_delta(self, delta: UnderWay) -> None:
        pass

    def on_event(self, event: CloudEvent) -> None:
        say_deprecated(self._session, event)

    def on_view(self, view: RunView) -> None:
        if view.planner and not self._planned:
            self._planned = True
            self._session.err.print(clean(plan_line(self._session, view)), soft_wrap=True)
        for task in view.tasks:
            if self._seen.get(task.id) is not task.status and task.status is not TaskStatus.PENDING:
                self._seen[task.id] = task.status
                self._session.err.print(clean(task_line(self._session, task)), soft_wrap=True)

    def close(self) -> None:
        pass


class LiveWatcher:
    """The plan as a tree that changes in place; below it the end of what is being written, and how far tools
    are."""

    shows_text = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tree: Tree | None = None
        self._written: dict[str, str] = {}  # by call that is under way
        self._ended: set[str] = set()
        self._live = Live(console=session.err, refresh_per_second=8, transient=False)
        self._live.start()

    def on_delta(self, delta: UnderWay) -> None:
        if delta.call_id in self._ended:
            return
        if isinstance(delta, Progress):
            self._written[delta.call_id] = progress_line(delta)
        else:
            before = "" if delta.gap or not delta.at else self._written.get(delta.call_id, "")
            self._written[delta.call_id] = (before + delta.text)[-SHOWN_CHARACTERS:]
        self._live.update(self.shown())

    def on_event(self, event: CloudEvent) -> None:
        say_deprecated(self._session, event)
        if event.type.rpartition(".")[2] in ENDS:  # it has the whole text; what was shown is dropped
            self._ended.add(str(event.data.get("call_id")))
            if self._written.pop(str(event.data.get("call_id")), ""):
                self._live.update(self.shown())

    def on_view(self, view: RunView) -> None:
        if view.status.ended:
            self._written.clear()
        self._tree = plan_tree(self._session, view)
        self._live.update(self.shown(), refresh=True)

    def close(self) -> None:
        self._live.stop()

    def shown(self) -> Group:
        texts = [Text(clean(text), style="dim italic") for text in self._written.values()]
        return Group(*([self._tree] if self._tree else []), *texts[-SHOWN_CALLS:])


def progress_line(progress: Progress) -> str:
    far = f"{progress.done:g}" + (f"/{progress.total:g}" if progress.total is not None else "")
    return f"{progress.tool} {far} {progress.message}".rstrip()


def plan_tree(session: Session, view: RunView) -> Tree:
    """The goal, its tasks, who does each, and how far they are."""
    tree = Tree(Text(clean(" ".join(view.goal.split())), style="bold"), guide_style="dim")
    if view.planner:
        tree.add(Text(clean(plan_line(session, view)), style="dim"))
    else:
        tree.add(Spinner("dots", Text(session.text("run.planning"))))
    for task in view.tasks:
        line = Text(clean(task_line(session, task)), style=STYLES[task.status])
        tree.add(Spinner("dots", line) if task.status in WORKING and not view.status.ended else line)
    return tree


STYLES = {
    TaskStatus.PENDING: "dim",
    TaskStatus.RUNNING: "cyan",
    TaskStatus.VERIFYING: "cyan",
    TaskStatus.SUCCEEDED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.SKIPPED: "dim",
}
