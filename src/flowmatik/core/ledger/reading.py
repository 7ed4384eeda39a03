"""What the events of one run did to money. Pure: the same events give the same bookings.

It looks into few events, and folds nothing else, so that a history which the engine can no longer fold still
has its costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flowmatik.contracts.ledger import Booking, Kind
from flowmatik.contracts.models import Usage
from flowmatik.core import events as ev
from flowmatik.core.events.upcasters import upcast
from flowmatik.core.journal.port import StoredEvent
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import EngineError

NONE = Usage()
ENDS = ("RunSucceeded", "RunFailed", "RunCancelled")
PLANNER = "planner"  # the role of the agent that pays for plans
READ = frozenset(
    {
        "RunCreated",
        "TaskRouted",
        "TaskHandedOver",
        "AgentComposed",
        "CallRequested",
        "CallSucceeded",
        "CallFailed",
        "SubRunRequested",
        "SubRunEnded",
        "TaskRetried",
        "RunForked",
        *ENDS,
    }
)
_CALL_ID = '{"call_id":"'


@dataclass(frozen=True, slots=True, kw_only=True)
class _Created:
    """What is asked of a run as it was created."""

    user: str = ""
    tags: tuple[str, ...] = ()
    thread: str = ""
    schedule: str = ""


@dataclass(frozen=True, slots=True)
class _Agent:
    name: str
    version: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A call that has not ended: its reservation as it was booked."""

    booked: Booking
    priced: bool


class RunReading:
    """The bookings of a run, event by event. `root_of_parent` is the root of the run that asked for this one.
    What a fork or retry inherits is its parent's, and is not booked again."""

    def __init__(self, workspace_id: str, run: str) -> None:
        self.workspace_id = workspace_id
        self.run = run
        self.seq = 0
        self.parent = ""
        self.root = run
        self.rows: list[Booking] = []  # not handed over yet
        self.below_micros = 0  # what sub-runs cost
        self.draws_on_all = False  # calls of an older version, which do not say which caps bear them
        self._created = _Created()
        self._agents: dict[str, _Agent] = {}
        self._doing: dict[str, str] = {}  # task → agent
        self._open: dict[str, _Open] = {}
        self._subs: set[str] = set()

    @property
    def open_micros(self) -> int:
        return sum(one.booked.reserved_micros for one in self._open.values())

    def read(self, events: Sequence[StoredEvent]) -> None:
        """Raises EngineError for an event that cannot be read."""
        for stored in events:
            if stored.type in READ and not self._is_foreign(stored):
                self._take(stored)
            self.seq = stored.seq

    def spent_by(self, principal: str) -> None:
        """Where no run's creation says so."""
        self._created = _Created(user=principal)

    def call_happened(self, event: ev.Event, seq: int, at: str) -> None:
        """As `read`, of one event of a call that was decoded already."""
        self._of_call(event, StoredEvent(seq=seq, type=type(event).__name__, payload="", at=at))
        self.seq = seq

    def _is_foreign(self, stored: StoredEvent) -> bool:
        """The outcome of a call that has nothing to do with money: its result may be large, and is not read.
        The id of the call comes first in canonical JSON."""
        if stored.type not in ("CallSucceeded", "CallFailed") or not stored.payload.startswith(_CALL_ID):
            return False
        return stored.payload[len(_CALL_ID) :].partition('"')[0] not in self._open

    def _take(self, stored: StoredEvent) -> None:
        """Of what concerns calls everything is checked; of the rest a few fields are looked at, which is
        cheaper, for every run is read here."""
        if stored.type in ("CallRequested", "CallSucceeded", "CallFailed"):
            return self._of_call(ev.decode(stored), stored)
        if stored.type in ENDS:
            return self._close(stored)
        try:
            self._note(stored.type, upcast(stored.type, canonical.loads(stored.payload)))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise EngineError(
                f"event {stored.seq} ({stored.type}) of run {self.run!r} cannot be read: a newer Flowmatik "
                "wrote it, or it is damaged; run that version, or restore a backup",
                code="engine.event",
            ) from error

    def _note(self, kind: str, event: dict[str, Any]) -> None:
        match kind:
            case "RunCreated":
                self.parent, self._agents = event.get("parent", ""), _by_name(event["agents"])
                self._created = _Created(
                    user=event.get("principal", ""),
                    tags=tuple(sorted(event.get("tags", ()))),
                    thread=event.get("thread", ""),
                    schedule=event.get("schedule", ""),
                )
            case "AgentComposed":
                self._agents = _by_name([event["agent"]]) | self._agents
            case "TaskRouted" | "TaskHandedOver":
                self._doing[event["task_id"]] = event["agent"]
            case "SubRunRequested":
                self._subs.add(event["sub_id"])
            case "SubRunEnded":
                if event["sub_id"] in self._subs:
                    self._subs.discard(event["sub_id"])
                    self.below_micros += event.get("cost_micros", 0)
            case _:  # TaskRetried, RunForked: what went before is the parent's
                self.rows, self._open, self._subs, self.below_micros = [], {}, set(), 0
                self._agents = _by_name(event.get("agents", ())) | self._agents

    def _of_call(self, event: ev.Event, stored: StoredEvent) -> None:
        match event:
            case ev.CallRequested() if event.kind == "model" or event.reserved_micros:
                self._requested(event, stored)
            case ev.CallSucceeded() | ev.CallFailed():
                if (call := self._open.pop(event.call_id, None)) is not None:
                    self._ended(call, event, stored)
            case _:
                return

    def _requested(self, call: ev.CallRequested, stored: StoredEvent) -> None:
        created = self._created
        agent = self._agents.get(self._doing.get(call.task_id, "")) if call.task_id else self._planner()
        scopes = tuple(sorted(call.scopes or ()))
        self.draws_on_all |= call.scopes is None
        booked = Booking(
            workspace_id=self.workspace_id,
            run=self.run,
            seq=stored.seq,
            n=0,
            kind="reserved",
            at=stored.at,
            day=stored.at[:10],
            call=call.call_id,
            root=self.root,
            task=call.task_id,
            agent=agent.name if agent else "",
            version=agent.version if agent else "",
            user=created.user,
            team=",".join(_named(scopes, "team")),
            tags=created.tags,
            provider=_provider(call.name),
            model=call.name,
            served=call.name,
            purpose=call.purpose,
            thread=created.thread,
            schedule=created.schedule,
            scopes=scopes,
            available_micros=-call.reserved_micros,
            reserved_micros=call.reserved_micros,
        )
        self._open[call.call_id] = _Open(booked=booked, priced=call.priced)
        self.rows.append(booked)

    def _close(self, stored: StoredEvent) -> None:
        """A call in doubt counts as made once the run has ended."""
        for n, call in enumerate(self._open.values()):
            was = call.booked
            self.rows.append(
                replace(
                    was,
                    seq=stored.seq,
                    n=n,
                    at=stored.at,
                    kind="worst_case",
                    estimate_micros=was.reserved_micros,
                    available_micros=0,
                    reserved_micros=-was.reserved_micros,
                    spent_micros=was.reserved_micros,
                )
            )
        self._open = {}

    def _planner(self) -> "_Agent | None":
        return next((agent for agent in self._agents.values() if agent.role == PLANNER), None)

    def _ended(self, call: _Open, event: ev.CallSucceeded | ev.CallFailed, stored: StoredEvent) -> None:
        was = call.booked
        reply = event.reply if isinstance(event, ev.CallSucceeded) else None
        served = (reply.model if reply is not None else "") or was.model
        provider, usage = _provider(served) or was.provider, reply.usage if reply is not None else NONE
        ended = replace(
            was,
            seq=stored.seq,
            at=stored.at,
            kind=_kind(call, event),
            served=served,
            provider=provider,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cached_tokens=getattr(usage, "cached_input_tokens", 0),
            estimate_micros=was.reserved_micros,
            available_micros=was.reserved_micros - event.cost_micros,
            reserved_micros=-was.reserved_micros,
            spent_micros=event.cost_micros,
        )
        paid = getattr(event, "paid", None)
        if served == was.served and (paid is None or [*paid] == [provider]):
            self.rows.append(replace(ended, scopes=_borne(was.scopes, paid, provider)))
        else:
            self.rows += _apart(was, ended, paid)


def bookings_of(
    workspace_id: str,
    principal: str,
    asked: tuple[ev.CallRequested, str],
    ended: tuple[ev.CallSucceeded | ev.CallFailed | None, str],
) -> list[Booking]:
    """Of a call outside of runs, each event with its time: its bookings are told by the call's id, and have
    no root."""
    (request, at), (outcome, ended_at) = asked, ended
    reading = RunReading(workspace_id, request.call_id)
    reading.root = ""
    reading.spent_by(principal)
    reading.call_happened(request, 1, at)
    if outcome is not None:
        reading.call_happened(outcome, 2, ended_at)
    return reading.rows


def _apart(was: Booking, ended: Booking, paid: Mapping[str, int] | None) -> list[Booking]:
    """Another model than the one that was asked, or several providers, were paid: what was set aside goes
    back where it was taken from, in a booking of its own; then each has one, the first of which counts the
    call. What the others did for it has the name that was asked for."""
    back = replace(
        was,
        seq=ended.seq,
        at=ended.at,
        kind="returned",
        available_micros=was.reserved_micros,
        reserved_micros=-was.reserved_micros,
    )
    shares = {ended.provider: ended.spent_micros} if paid is None else dict(paid) or {ended.provider: 0}
    rows = [
        replace(
            ended,
            n=n,
            provider=provider,
            scopes=_borne(was.scopes, paid, provider),
            available_micros=-micros,
            reserved_micros=0,
            spent_micros=micros,
        )
        for n, (provider, micros) in enumerate(
            sorted(shares.items(), key=lambda one: (one[0] != ended.provider, one[0])), 1
        )
    ]
    nothing = {"input_tokens": 0, "output_tokens": 0, "cached_tokens": 0, "estimate_micros": 0}
    more = [replace(one, served=was.served, **nothing) for one in rows[1:]]
    return [back, rows[0], *more]


def _borne(scopes: tuple[str, ...], paid: Mapping[str, int] | None, provider: str) -> tuple[str, ...]:
    """Which of the caps bear what this provider was paid; of those of providers all, if it is not known who
    was paid."""
    if paid is None:
        return scopes
    return tuple(one for one in scopes if _named((one,), "provider") in ([], [provider]))


def _by_name(agents: Sequence[dict[str, Any]]) -> dict[str, _Agent]:
    """As events name them: alone, which is the first of that name, or with the version."""
    known = [_Agent(one["name"], one["version"], one.get("role", "")) for one in reversed(agents)]
    return {name: one for one in known for name in (one.name, f"{one.name}@{one.version}")}


def _kind(call: _Open, event: ev.CallSucceeded | ev.CallFailed) -> Kind:
    if isinstance(event, ev.CallFailed):
        if event.unpriced:
            return "unpriced"
        if not event.cost_micros:
            return "released"
        return "bounded" if event.cost_micros < call.booked.reserved_micros else "worst_case"
    reply = event.reply
    if reply is None or (reply.cost_micros is not None and reply.usage.known):
        return "settled"
    if reply.cost_micros is not None and reply.paid and event.cost_micros != call.booked.reserved_micros:
        return "bounded"
    return "worst_case" if call.priced and call.booked.reserved_micros else "unpriced"


def _provider(model: str) -> str:
    """Of `<provider>/<model>`; a route or an alias has none until it is known who served it."""
    provider, slash, _ = model.partition("/")
    return provider if slash else ""


def _named(scopes: Sequence[str], kind: str) -> list[str]:
    """The names in scopes of the form `<kind>:<name>` or `<kind>:<name>/<period>`."""
    found = (scope.partition(":") for scope in scopes)
    return sorted({name.partition("/")[0] for what, _, name in found if what == kind})
