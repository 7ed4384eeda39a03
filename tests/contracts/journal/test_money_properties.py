"""Purse and Account over every journal, in lives that hypothesis makes up: whatever is reserved, settled, cut
off and given back, no hard cap is passed, every row holds what its calls cost, and no call is refused that
would fit beside what was spent."""

import itertools
from dataclasses import dataclass, field, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowmatik.agents.loop import ReducerLoop
from flowmatik.contracts.budgets import Bearing
from flowmatik.contracts.models import ModelReply, ModelRequest
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.cap_scopes import each_of
from flowmatik.core.engine.bills import paid_to
from flowmatik.core.engine.budgets import Payer, Reservation
from flowmatik.core.engine.money import Account
from flowmatik.core.engine.purse import FRESH_SECONDS, Purse
from flowmatik.core.fold import apply
from flowmatik.core.journal.port import CapTerms, HeadChange
from flowmatik.core.state import RunState
from flowmatik.testing.models import ScriptedModels
from tests.contracts.journal.stores import Owner, Store, owned

LOOP = ReducerLoop()
PEOPLE = ("ana", "ben", "cyd")
ROUTES = {"x/m": ("x",), "y/m": ("y", "x"), "z/m": ("z",)}
SCOPES = ("workspace", "workspace/day", "user:ana", "user:ben/day", "team:t", "team:t/month", "provider:x",
          "provider:y/day", "agent:a")  # fmt: skip
COUNTER = itertools.count()
ASK = st.tuples(
    st.just("ask"),
    st.integers(0, 2),
    st.sampled_from(sorted(ROUTES)),
    st.integers(20, 60),
    st.sampled_from([False, False, False, True]),
)
STEPS = st.one_of(
    ASK,
    ASK,
    ASK,
    st.tuples(st.just("end"), st.integers(0, 2), st.integers(0, 100), st.integers(0, 1)),
    st.tuples(st.just("crash"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("cap"), st.sampled_from(SCOPES), st.integers(0, 150), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from([1.5, 3600.0 * 13])),
)


class Firm:
    """Implements `Bearers`: two of them are in a team."""

    async def bearing(self, workspace_id: str, principal: str) -> Bearing:
        del workspace_id
        return Bearing(principals=(principal,), teams=("t",) if principal in ("ana", "ben") else ())


class Priced(ScriptedModels):
    """A call may cost as many micro-dollars as it may have tokens."""

    def worst_case_micros(self, request: ModelRequest) -> int | None:
        return request.max_output_tokens


@dataclass(slots=True)
class Driven:
    """One run, its owner, and what the owner knows."""

    owner: Owner
    state: RunState
    account: Account
    calls: int = 0

    async def note(self, event: ev.Event) -> None:
        await self.owner.append(self.owner.next(ev.encode(event)))
        apply(self.state, event, LOOP)
        self.state.seq = self.owner.seq

    async def give_back(self) -> None:
        if (counted := await self.account.surplus(self.state)) is not None:
            await self.note(counted)


@dataclass(slots=True)
class Life:
    store: Store
    purse: Purse
    workspace: str
    runs: list[Driven] = field(default_factory=list[Driven])
    limits: dict[str, tuple[int, bool]] = field(default_factory=lambda: {})
    lowered: set[str] = field(default_factory=set[str])

    async def begin(self) -> None:
        for person in PEOPLE:
            run_id = f"{self.workspace}_{person}"
            owner = await owned(self.store.journal, run_id, run_id, workspace=self.workspace)
            created = ev.RunCreated(
                run_id=run_id,
                workspace_id=self.workspace,
                goal="g",
                created_at="",
                model="m",
                principal=person,
            )
            state = RunState(created=created, epoch=owner.epoch, seq=owner.seq)
            self.runs.append(Driven(owner, state, Account(self.purse)))

    async def ask(self, number: int, model: str, worst: int, crash: bool) -> None:
        run = self.runs[number]
        request = ModelRequest(model=model, messages=(), max_output_tokens=worst)
        made = await run.account.reserve(run.state, request, Payer(agent="a"))
        if made.refusal:
            await self._never_fitted(made, worst)
            return
        if crash:  # between the grant and its append
            await self.crash(number, False)
            return
        if made.drawn is not None:
            await run.note(made.drawn)
        if not made.wait:
            run.calls += 1
            await run.note(_call(f"c{run.calls}", model, made))

    async def _never_fitted(self, made: Reservation, worst: int) -> None:
        """By what was spent alone, without what is set aside."""
        rows = str(made.values["caps"]).split(", ")
        caps = {cap.scope: cap for cap in await self.store.journal.caps(self.workspace)}
        for row in rows:
            spent = sum(run.state.charged.get(row, 0) for run in self.runs)
            assert spent + worst > caps[row].limit_micros, f"{row}: {worst} fits beside {spent}"

    async def end(self, number: int, percent: int, choice: int) -> None:
        run = self.runs[number]
        if not run.state.open:
            return
        call = next(iter(run.state.open.values()))
        cost = call.reserved_micros * percent // 100
        providers = ROUTES[call.name]
        reply = ModelReply(text="", cost_micros=cost, model=f"{providers[choice % len(providers)]}/m")
        await run.note(
            ev.CallSucceeded(
                call_id=call.call_id, reply=reply, cost_micros=cost, paid=paid_to(call, reply, cost)
            )
        )
        await run.give_back()

    async def crash(self, number: int, parked: bool) -> None:
        """The owner dies, perhaps parked before; the next one counts, and settles open calls at the worst."""
        run = self.runs[number]
        journal, run_id = self.store.journal, run.owner.run_id
        if parked and not run.state.open:
            await run.owner.append(run.owner.next(park_if_seen=0))
            await run.account.settle(run.state)
        claim = await journal.claim(run_id, run.owner.run_id)
        assert claim is not None
        run.owner = replace(run.owner, epoch=claim.head.epoch, seq=claim.head.head_seq)
        run.state.epoch, run.state.seq = claim.head.epoch, claim.head.head_seq
        run.account = Account(self.purse)
        if (counted := await run.account.counted(run.state)) is not None:
            await run.note(counted)
        for call in list(run.state.open.values()):
            await run.note(
                ev.CallFailed(
                    call_id=call.call_id, code="call.lost", message="", cost_micros=call.reserved_micros
                )
            )
        await run.give_back()

    async def cap(self, scope: str, limit: int, soft: bool) -> None:
        before = self.limits.get(scope)
        if before is not None and (limit < before[0] or before[1]):
            self.lowered.add(scope)
        self.limits[scope] = (limit, soft)
        await self.store.journal.set_cap(self.workspace, scope, limit, CapTerms(soft=soft))
        self.store.clock.advance(FRESH_SECONDS)

    async def check(self) -> None:
        for cap in await self.store.journal.caps(self.workspace):
            if each_of(cap.scope):
                continue
            used = sum(run.state.bound(cap.scope) for run in self.runs)
            assert cap.granted_micros >= used, f"{cap.scope}: {used} of it are used"
            whole = cap.scope.rpartition(":")[0] if "/" in cap.scope else cap.scope
            if not cap.terms.soft and whole not in self.lowered:
                assert cap.granted_micros <= cap.limit_micros

    async def over(self) -> None:
        """When all has ended, every row has what its calls cost, and nothing else."""
        for number, run in enumerate(self.runs):
            while run.state.open:
                await self.end(number, 50, 1)
            await run.owner.append(run.owner.next(head=HeadChange(status="succeeded")))
            run.state.seq = run.owner.seq
            await run.account.settle(run.state)
        for cap in await self.store.journal.caps(self.workspace):
            spent = sum(run.state.charged.get(cap.scope, 0) for run in self.runs)
            assert cap.granted_micros == spent, f"{cap.scope} has {cap.granted_micros} of {spent}"
        assert await self.store.journal.holders(self.workspace, 10) == []


def _call(call_id: str, model: str, made: Reservation) -> ev.CallRequested:
    return ev.CallRequested(
        call_id=call_id,
        kind="model",
        name=model,
        purpose="digest",
        task_id="",
        effect=Effect.READ,
        idempotency_key=call_id,
        at="2026-01-01T00:00:00Z",
        start_by="",
        timeout=60,
        reserved_micros=made.micros,
        scopes=made.scopes,
    )


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    caps=st.dictionaries(st.sampled_from(SCOPES), st.tuples(st.integers(40, 150), st.booleans()), min_size=1),
    steps=st.lists(STEPS, min_size=8, max_size=30),
)
async def test_money_is_neither_lost_nor_made_nor_refused_for_nothing(
    store: Store, caps: dict[str, tuple[int, bool]], steps: list[tuple[object, ...]]
) -> None:
    models = Priced(lambda _: ModelReply(text=""))
    models.routes.update(ROUTES)
    purse = Purse(models, store.journal, store.clock, Firm())
    life = Life(store, purse, f"ws{next(COUNTER)}")
    for scope, (limit, soft) in caps.items():
        await life.cap(scope, limit, soft)
    await life.begin()
    for name, *values in steps:
        if name == "wait":
            store.clock.advance(float(str(values[0])))
        else:
            await getattr(life, str(name))(*values)
        await life.check()
    await life.over()
