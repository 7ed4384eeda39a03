"""The public face of the engine: the `Runs` port."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.runs import (
    EVERY_RUN,
    NewRun,
    Page,
    ReplayReport,
    RunFilter,
    RunStatus,
    RunSummary,
    RunView,
)
from flowmatik.core import asked, pauses, pictures, search, versions
from flowmatik.core import events as ev
from flowmatik.core.brain import factory
from flowmatik.core.brain.plan_faults import Fault, refusal
from flowmatik.core.comparisons import replayed_against
from flowmatik.core.deliveries import cloud_event
from flowmatik.core.ended import not_ended
from flowmatik.core.engine.gate import Gate
from flowmatik.core.engine.library import Library
from flowmatik.core.engine.watch import Watch
from flowmatik.core.fold import fold
from flowmatik.core.guarded_inputs import InputGuard
from flowmatik.core.guards.goals import goal_for, planners
from flowmatik.core.history import cut_short, whole
from flowmatik.core.journal.port import Creation, RunHead, RunReads, StoredEvent
from flowmatik.core.limits import Backlog
from flowmatik.core.pages import check_limit, cursor_of, place_at
from flowmatik.core.pins import Choice, agents_for, tools_for
from flowmatik.core.plan_rights import permitted
from flowmatik.core.planned import by_playbook, given_plan_faults, turn_prices
from flowmatik.core.replay import replay
from flowmatik.core.services import EngineServices
from flowmatik.core.snapshots.reading import salvaged_now
from flowmatik.core.state import RunState
from flowmatik.core.traces import Traces
from flowmatik.core.view import run_view, with_late_cost, zulu
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, InvalidInput
from flowmatik.kernel.events import CloudEvent
from flowmatik.kernel.ids import new_id
from flowmatik.kernel.tracing import trace_of

RESOLUTIONS = ("done", "repeat", "failed")
PAGE = 1000  # events
HEARD_SECONDS = 5.0  # then the store is asked all the same
ELSEWHERE_SECONDS = 0.25  # how often a run is looked at that another process drives
TOLD_SECONDS = 2.0  # the same where that process tells of it
_AT_REST = (RunStatus.WAITING, RunStatus.IN_DOUBT)


class RunService:
    """Implements `Runs`."""

    def __init__(self, services: EngineServices, engine: Gate, watch: Watch, backlog: Backlog) -> None:
        self._services = services
        self._journal = services.journal
        self._engine = engine
        self._watch = watch
        self._backlog = backlog
        self._elsewhere = _elsewhere(services)
        self._traces = Traces()
        self._library = Library(services.blobs, services.journal, services.clock)

    async def create(self, workspace_id: str, new: NewRun) -> str:
        new = replace(new, images=pictures.cleaned(new.images))
        created = await self.prepared(workspace_id, new)
        await self._backlog.check(workspace_id)
        first = asked.recorded(created)
        for image in new.images:
            await self._library.keep_bytes(created.run_id, workspace_id, image.data, image.media_type)
        await self._library.adopt(created.run_id, workspace_id, (first.payload,))
        run_id = await self._engine.create(
            Creation(
                run_id=created.run_id,
                workspace_id=workspace_id,
                goal=created.goal,
                idempotency_key=new.idempotency_key,
                events=(first,),
                agent=created.agent,
                priority=created.priority,
                tags=created.tags,
                decision_version=created.decision_version,
            )
        )
        if run_id != created.run_id:
            await self._same_request(run_id, created)
        return run_id

    async def prepared(self, workspace_id: str, new: NewRun) -> ev.RunCreated:
        """How the run would begin. Raises what `create` does."""
        services = self._services
        if new.playbook and new.parameters:
            guard = InputGuard(services.catalogue)
            new = replace(new, parameters=await guard.values(workspace_id, new.parameters))
        new = await by_playbook(services.playbooks, workspace_id, new)
        asked.check(new)
        await asked.check_sources(services.sources, workspace_id, new.sources, new.principal)
        await asked.check_thread(services.threads, workspace_id, new.thread)
        found: list[Fault] = []
        choice = Choice(services, new, new_id("run"))
        if new.plan and services.plans_by_profile:
            given = (services.tools.specs().keys(), workspace_id, new.agent, new.plan)
            allowed, found = await permitted(choice.directory, *given)
            new = replace(new, plan=allowed)
        created = await self._pinned(workspace_id, new, choice)
        created = await pictures.shown(created, new.images, services.sight)
        if new.plan:
            found = factory.without_skills(given_plan_faults(created), created) + found
        if found:
            raise refusal(found)
        return created

    async def _same_request(self, run_id: str, wanted: ev.RunCreated) -> None:
        """Raises Conflict when the key's first run was asked for something else."""
        first = ev.decode((await self._journal.read(run_id, limit=1))[0])
        if not isinstance(first, ev.RunCreated) or _request(first) != _request(wanted):
            raise Conflict(
                f"this idempotency key belongs to run {run_id}, which was asked for something else; "
                "use a new key for a new request",
                code="conflict.idempotency_key",
                context={"run_id": run_id},
            )

    async def _pinned(self, workspace_id: str, new: NewRun, choice: Choice) -> ev.RunCreated:
        agents = await agents_for(choice.directory, workspace_id, new.agent, new.plan)
        tools = tools_for(self._services.tools.specs(), agents, new.plan)
        now = self._services.clock.now()
        deadline = now + timedelta(seconds=new.deadline_seconds) if new.deadline_seconds is not None else None
        return ev.RunCreated(
            run_id=choice.run_id,
            workspace_id=workspace_id,
            goal=goal_for(agents if new.agent else planners(agents), new.goal),
            created_at=now.isoformat(),
            model=self._services.models.default_model(),
            agent=agents[0].name if new.agent else "",
            language=new.language,
            budget_micros=new.budget_micros,
            deadline_at=deadline.isoformat() if deadline else "",
            sources=new.sources,
            principal=new.principal,
            agents=tuple(agents),
            tools=tools,
            plan=new.plan,
            playbook=new.playbook,
            parameters=new.parameters,
            turn_micros={} if new.agent else turn_prices(self._services.models, agents),
            traceparent=trace_of(new.traceparent),
            tags=tuple(dict.fromkeys((*new.tags, *search.thread_tags(new.thread)))),
            priority=new.priority,
            advisers=tuple(sorted(self._services.advisers)),
            schedule=new.schedule,
            scheduled_at=new.scheduled_at,
            thread=new.thread,
            thread_before=new.thread_before,
            thread_turn=new.thread_turn,
            sticky=new.sticky,
            assigned=choice.assigned(agents),
        )

    async def get(self, workspace_id: str, run_id: str) -> RunView:
        reads = self._services.seen_from(workspace_id)
        return await self._seen(reads, await reads.head(workspace_id, run_id))

    async def _seen(self, reads: RunReads, head: RunHead) -> RunView:
        found = await salvaged_now(reads, head, self._services.loop)
        view = with_late_cost(self._view(found.state, RunStatus(head.status)), head)
        if found.fault is None or view.error_code:
            return view
        fault = found.fault  # not condemned yet
        return replace(view, error_code=fault.code, error=fault.message, error_values=fault.context)

    def _view(self, state: RunState, status: RunStatus) -> RunView:
        return run_view(state, status, self._services.clock.now().isoformat(), self._services.hooks)

    async def status(self, workspace_id: str, run_id: str) -> RunStatus:
        reads = self._services.seen_from(workspace_id)
        return RunStatus((await reads.head(workspace_id, run_id)).status)

    async def list(
        self, workspace_id: str, wanted: RunFilter = EVERY_RUN, *, cursor: str = "", limit: int = 50
    ) -> Page:
        check_limit(limit)
        at = place_at(cursor, str, str)
        heads = await self._services.seen_from(workspace_id).find_heads(
            workspace_id,
            search.wanted_heads(wanted, self._services.clock.now()),
            before=(at[0], at[1]) if at else None,
            limit=limit + 1,
        )
        shown = heads[:limit]
        more = cursor_of((shown[-1].created_at, shown[-1].run_id)) if len(heads) > limit else ""
        return Page(items=tuple(_summary(head) for head in shown), next=more)

    async def events(
        self, workspace_id: str, run_id: str, *, after_seq: int = 0, follow: bool = False
    ) -> AsyncIterator[CloudEvent]:
        reads = self._services.seen_from(workspace_id)
        with self._watch.growing(run_id) as grown:
            head, page = await reads.head(workspace_id, run_id), list[StoredEvent]()
            reading, here = True, False
            while True:
                if reading:
                    page = await reads.read(run_id, after_seq=after_seq, limit=PAGE)
                trace = await self._traces.of(run_id, reads, page) if page else ""
                for stored in page:
                    after_seq = stored.seq
                    yield cloud_event(workspace_id, run_id, stored, trace)
                if reading and not page and after_seq < head.head_seq:
                    # The head went up with its events: these are gone, and will not come.
                    raise cut_short(after_seq, head.head_seq)
                reading = after_seq < head.head_seq or len(page) == PAGE
                if reading:
                    continue
                if not follow or (not here and self._rests(run_id, RunStatus(head.status))):
                    return
                await grown.more(self._elsewhere)
                page, left = grown.taken(after_seq)
                here = self._engine.drives(run_id)  # while it is, it has not come to rest
                if here:
                    reading = not page
                elif left is not None and left.state.seq == (page[-1].seq if page else after_seq):
                    head = replace(head, head_seq=left.state.seq, status=left.status.value)
                else:
                    head = await reads.head(workspace_id, run_id)

    async def cancel(self, workspace_id: str, run_id: str, *, reason: str = "") -> None:
        await not_ended(self._services, workspace_id, run_id)
        await self._journal.post(run_id, "cancel", "cancel", canonical.dumps({"reason": reason}))
        self._engine.nudge(run_id)

    async def resume(
        self, workspace_id: str, run_id: str, *, resolutions: dict[str, str] | None = None
    ) -> None:
        head = await not_ended(self._services, workspace_id, run_id)
        if not versions.is_decided_here(head.decision_version):
            raise versions.not_decided_here(run_id, head.decision_version)
        paused = (await pauses.pauses_of(self._journal, run_id)).paused
        if resolutions:
            await self._resolve(head, resolutions)
        elif head.status == RunStatus.IN_DOUBT.value and not paused:
            raise Conflict(
                f"run {run_id} has calls in doubt; say for each whether it is done, to repeat or failed",
                code="conflict.in_doubt",
                context={"run_id": run_id},
            )
        if paused:
            await pauses.unpause(self._journal, run_id)
        self._engine.nudge(run_id)

    async def _resolve(self, head: RunHead, resolutions: dict[str, str]) -> None:
        history = await whole(self._journal, head.run_id)
        state = fold(history, self._services.loop)
        doubts = Counter(
            event.call_id for event in map(ev.decode, history) if isinstance(event, ev.CallInDoubt)
        )
        for call_id, resolution in resolutions.items():
            if resolution not in RESOLUTIONS:
                raise InvalidInput(
                    f"{resolution!r} is no resolution; use one of {', '.join(RESOLUTIONS)}",
                    code="input.resolution",
                    context={"value": resolution},
                )
            if call_id not in state.doubt:
                raise Conflict(
                    f"call {call_id!r} of run {head.run_id} is not in doubt; "
                    f"in doubt: {', '.join(state.doubt) or 'none'}",
                    code="conflict.not_in_doubt",
                    context={"run_id": head.run_id, "call_id": call_id},
                )
        for call_id, resolution in resolutions.items():
            body = canonical.dumps({"call_id": call_id, "resolution": resolution})
            if not await self._journal.post(
                head.run_id, f"resolve:{call_id}:{doubts[call_id]}", "resolve", body
            ):
                raise Conflict(
                    f"call {call_id!r} of run {head.run_id} was decided already",
                    code="conflict.decided",
                    context={"run_id": head.run_id, "call_id": call_id},
                )

    async def replay(
        self, workspace_id: str, run_id: str, *, against: str | AgentVersion = ""
    ) -> ReplayReport:
        reads = self._services.seen_from(workspace_id)
        await reads.head(workspace_id, run_id)
        history = await whole(reads, run_id)
        if not against:
            return replay(run_id, history, self._services.loop)
        return await replayed_against(self._services, workspace_id, run_id, history, against)

    async def wait(self, workspace_id: str, run_id: str) -> RunView:
        with self._watch.resting(run_id) as here:
            asks = not self._engine.drives(run_id)  # of a run that is here the end is heard of
            while True:
                if asks:
                    reads = self._services.seen_from(workspace_id)
                    head = await reads.head(workspace_id, run_id)
                    if self._rests(run_id, RunStatus(head.status)):
                        return await self._seen(reads, head)
                asks = True
                left = await here.left(HEARD_SECONDS if self._engine.drives(run_id) else self._elsewhere)
                mine = left is not None and left.state.created.workspace_id == workspace_id
                if left is not None and mine and self._rests(run_id, left.status):
                    return self._view(left.state, left.status)

    def _rests(self, run_id: str, status: RunStatus) -> bool:
        return status.ended or (status in _AT_REST and not self._engine.drives(run_id))


def _elsewhere(services: EngineServices) -> float:
    if services.alone:
        return HEARD_SECONDS  # it is in the queue here
    return ELSEWHERE_SECONDS if services.streams is None else TOLD_SECONDS


def _request(created: ev.RunCreated) -> tuple[object, ...]:
    """What the caller asked for, without what settings and versions of the day added."""
    return (
        created.goal,
        created.agent,
        created.language,
        created.sources,
        created.plan,
        created.playbook.partition("@")[0],
        created.parameters,
        created.tags,
        created.priority,
        created.thread,
        created.thread_turn,
        created.sticky,
        tuple(one.sha256 for one in created.pictures),
    )


def _summary(head: RunHead) -> RunSummary:
    return RunSummary(
        id=head.run_id,
        goal=head.goal,
        status=RunStatus(head.status),
        created_at=zulu(head.created_at),
        ended_at=zulu(head.ended_at),
        cost_micros=None if head.unpriced else head.cost_micros,
        agent=head.agent,
        tags=head.tags,
        priority=head.priority,
    )
