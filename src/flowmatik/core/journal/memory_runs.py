"""A run as the journal in memory keeps it, and what that refuses as a database would."""

from dataclasses import dataclass, field

from flowmatik.core.journal.port import Append, Appended, Input, RunHead, StoredEvent, Versions
from flowmatik.core.journal.records import UNREAD_VERSION
from flowmatik.core.journal.times import seconds_of
from flowmatik.kernel.errors import InvalidInput


@dataclass(slots=True, kw_only=True)
class Run:
    run_id: str
    workspace_id: str
    goal: str
    created_at: str
    status: str = "queued"
    epoch: int = 0
    owner: str = ""
    ready: bool = True
    inbox_seen: int = 0
    last_append_id: str = ""
    ended_at: str = ""
    cost_micros: int = 0
    unpriced: bool = False
    agent: str = ""
    priority: int = 0
    parent: str = ""
    parent_wait: str = ""
    reported: int = 0  # what became of its cost (kin_port)
    tags: tuple[str, ...] = ()
    decision_version: int = UNREAD_VERSION
    goal_folded: str = ""
    events: list[StoredEvent] = field(default_factory=lambda: [])
    inbox: list[Input] = field(default_factory=lambda: [])
    input_ids: set[str] = field(default_factory=lambda: set())
    timers: dict[str, float] = field(default_factory=lambda: {})

    def head(self) -> RunHead:
        return RunHead(
            run_id=self.run_id,
            workspace_id=self.workspace_id,
            status=self.status,
            head_seq=len(self.events),
            epoch=self.epoch,
            owner=self.owner,
            inbox_tail=len(self.inbox),
            inbox_seen=self.inbox_seen,
            last_append_id=self.last_append_id,
            created_at=self.created_at,
            ended_at=self.ended_at,
            goal=self.goal,
            cost_micros=self.cost_micros,
            unpriced=self.unpriced,
            agent=self.agent,
            priority=self.priority,
            parent=self.parent,
            parent_wait=self.parent_wait,
            decision_version=self.decision_version,
            tags=self.tags,
        )

    def is_foreign(self, versions: Versions) -> bool:
        known = self.decision_version != UNREAD_VERSION
        return known and not versions[0] <= self.decision_version <= versions[1]

    def result(self) -> Appended:
        return Appended(head_seq=len(self.events), inbox_tail=len(self.inbox), parked=not self.owner)


def check_text(run_id: str, *texts: str) -> None:
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"a text of run {run_id!r} is not valid Unicode: {error}",
            code="input.value",
            context={"store": "memory", "said": str(error)},
        ) from error


def checked(append: Append, run: Run) -> dict[str, float]:
    """The due times, once everything that a database would refuse has been refused."""
    check_text(append.run_id, *(event.payload for event in append.events))
    if (append.consumed or 0) > len(run.inbox):
        raise InvalidInput(
            f"run {append.run_id!r} has {len(run.inbox)} inputs; input {append.consumed} cannot be consumed",
            code="input.consumed",
            context={"run_id": append.run_id, "consumed": append.consumed},
        )
    return {timer.timer_id: seconds_of(timer.due_at) for timer in append.timers}
