"""One call's way through the deployments of its route.

What certainly cost nothing is tried elsewhere at once, and again after a pause; what may have been charged
only while the reservation, which is for the dearest `paid_attempts`, covers one more.
"""

import logging
import random
from dataclasses import dataclass, replace

from flowmatik.contracts.call_notes import ProviderWait, note_deployment
from flowmatik.contracts.models import ModelAttempt, ModelReply, ModelRequest
from flowmatik.integrations.bill import Bill
from flowmatik.integrations.routing.breaker import Permit
from flowmatik.integrations.routing.lines import Line, chosen
from flowmatik.integrations.routing.routes import Route
from flowmatik.integrations.routing.stopwatch import Stopwatch
from flowmatik.integrations.routing.table import Kind
from flowmatik.integrations.routing.verdicts import Verdict, is_free, verdict_of
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ModelError, ModelRejected, ModelUnavailable

log = logging.getLogger(__name__)
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
LONGEST_ASKED = 60.0  # a Retry-After beyond it is not waited for
CHANCE = random.random  # spreads load, guards nothing
TOLD = 16  # attempts that a reply or an error tells of
NOT_SENT = "not_sent"


@dataclass(slots=True, kw_only=True)
class Turn:
    """One attempt; `stage` is the name under which the deployment was found."""

    line: Line
    stage: str
    permit: Permit
    request: ModelRequest
    began: float
    over: bool = False


class Walk:
    """`turn` says who is asked next; whoever asked tells `answered` or `failed`, and at last `left`."""

    def __init__(self, route: Route, request: ModelRequest, clock: Clock, rounds: int) -> None:
        self._route = route
        self._request = request
        self._clock = clock
        self._rounds = rounds
        self._deadline = clock.monotonic() + request.timeout
        self._round = 1
        self._kind: Kind = "unavailable"
        self._start = [route.first]
        self._stages = [route.first]
        self._seen = {route.first}
        self._tried: set[str] = set()  # in this round
        self._gone: set[str] = set()  # for good
        self._longer_than = 0
        self._paid = 0
        self._bill = Bill()  # of attempts that came to nothing
        self._attempts: list[ModelAttempt] = []
        self._error: ModelError | None = None
        self._paid_error: ModelError | None = None
        self._kept: tuple[Turn, ModelReply] | None = None
        self._over = False
        self._turn: Turn | None = None

    async def turn(self, watch: Stopwatch) -> Turn | None:
        """None when nothing is left to try, or no time."""
        while not self._over:
            now = self._clock.monotonic()
            if now >= self._deadline:
                return None
            if (found := self._next(now)) is not None:
                self._turn = found
                if not found.permit.probe or await self._may_probe(found, watch):
                    note_deployment(found.line.deployment.id)
                    return found
                continue
            wait = self._pause(now)
            if wait is None:
                return None
            self._round += 1
            self._restart()
            log.info(
                "a model call is tried again",
                extra={"model": self._request.model, "attempt": len(self._attempts), "wait": wait},
            )
            with watch.others(), ProviderWait():
                await self._clock.sleep(wait)
        return None

    def answered(self, turn: Turn, reply: ModelReply, *, final: bool = False) -> ModelReply | None:
        """The reply to the caller; None when another deployment is to say what this one would not, unless
        it is `final`."""
        now, line = self._clock.monotonic(), turn.line
        self._report(turn, "filtered" if reply.finish == "filtered" else "ok")
        if reply.cached:  # the deployment was not asked, and may still be out of order
            self._drop(turn)
            line.record.calls["cached"] += 1
        else:
            line.breaker.succeeded(turn.permit, now)
            line.record.answered(now - turn.began)
        if not final and reply.finish == "filtered" and self._may_go_on_from(turn, reply):
            self._kept = turn, reply
            self._paid += reply.cost_micros != 0
            self._charge(turn, reply)
            self._go("content", turn)
            return None
        return self._whole(turn, reply)

    def failed(self, turn: Turn, error: ModelError) -> None:
        verdict = verdict_of(error)
        self._note(turn, error, verdict)
        self._error = error
        if not verdict.free and self._may_cost(turn, error):
            self._paid += 1
            self._over = self._paid >= self._route.paid_attempts
        if verdict.next == "mine":
            self._over = True
        elif verdict.next in ("context", "content"):
            self._go("context" if verdict.next == "context" else "content", turn)
        elif verdict.next == "elsewhere":
            self._gone.add(turn.line.deployment.id)

    def broken(self, turn: Turn, error: ModelError) -> ModelError:
        """For a stream of which a part was told already: nobody else can go on with it."""
        self._note(turn, error, verdict_of(error))
        self._may_cost(turn, error)
        rejected = isinstance(error, ModelRejected)
        return self._told(self._paid_error if self._paid_error is not None and rejected else error)

    def left(self) -> None:
        """The caller goes, and may not have waited for what it asked last."""
        if (turn := self._turn) is not None and not turn.over:
            self._report(turn, "dropped")
            turn.line.record.calls["dropped"] += 1
            self._drop(turn)

    async def _may_probe(self, turn: Turn, watch: Stopwatch) -> bool:
        """Of all processes one calls a deployment to find out whether it is back."""
        with watch.others():
            wait = await turn.line.share.may_probe(turn.line.deployment.id, turn.request.timeout)
        if wait <= 0:
            return True
        turn.over, self._turn = True, None
        turn.line.in_flight -= 1
        turn.line.breaker.defer(turn.permit, self._clock.monotonic(), wait)
        return False

    def _drop(self, turn: Turn) -> None:
        """Nobody saw what came of it."""
        turn.line.breaker.dropped(turn.permit)
        if turn.permit.probe:
            turn.line.share.unseen(turn.line.deployment.id)

    def ended(self) -> ModelReply:
        """What it came to, when there is no turn left. Raises the error that says most: one after which
        money may be gone, else the last one."""
        if self._kept is not None:
            return self._with_bill(*self._kept)
        if (error := self._paid_error or self._error) is not None:
            raise self._told(error)
        raise self._nobody()

    def _next(self, now: float) -> Turn | None:
        while self._stages:
            stage = self._stages[0]
            usable = [line for line in self._route.stages.get(stage, ()) if self._is_usable(line)]
            found = chosen(usable, now)
            if found is not None:
                line, permit = found
                line.in_flight += 1
                line.note_asker(self._request.workspace_id)
                self._tried.add(line.deployment.id)
                left = replace(self._request, timeout=self._deadline - now)
                return Turn(line=line, stage=stage, permit=permit, request=line.addressed(left), began=now)
            self._stages.pop(0)
            self._queue(self._route.after(stage, self._kind))
        return None

    def _is_usable(self, line: Line) -> bool:
        one = line.deployment
        return one.id not in self._tried and one.id not in self._gone and self._is_long_enough(line)

    def _is_long_enough(self, line: Line) -> bool:
        """One whose length nobody knows may be."""
        tokens = line.deployment.context_tokens
        return tokens is None or tokens > self._longer_than

    def _queue(self, names: tuple[str, ...]) -> None:
        new = [name for name in names if name not in self._seen]
        self._seen.update(new)
        self._stages += new

    def _go(self, kind: Kind, turn: Turn) -> None:
        """From here on for this reason: to those of the name that may do better, then to its fallbacks."""
        self._gone.add(turn.line.deployment.id)
        self._kind = kind
        known = turn.line.deployment.context_tokens
        here: list[str] = []
        if kind == "context" and known:
            self._longer_than = max(self._longer_than, known)
            here = [turn.stage]
        self._stages, self._seen = here, {turn.stage}
        self._queue(self._route.after(turn.stage, kind))
        self._start = list(self._stages)
        if not self._stages:
            self._over = True

    def _restart(self) -> None:
        self._stages, self._seen = list(self._start), set(self._start)
        self._tried.clear()

    def _pause(self, now: float) -> float | None:
        """Seconds until another round is worth it; None when it is not."""
        if self._round >= self._rounds:
            return None
        waits = [wait for line in self._reached() if (wait := line.breaker.held(now)) is not None]
        if not waits:
            return None
        ceiling = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._round - 1))
        jittered = ceiling * (0.5 + CHANCE() / 2)
        soonest = min(waits)
        seconds = soonest + jittered * 0.1 if soonest > 0 else jittered
        return seconds if seconds <= LONGEST_ASKED and now + seconds < self._deadline else None

    def _reached(self) -> list[Line]:
        """Those that another round would come to."""
        lines = (line for stage in self._seen for line in self._route.stages.get(stage, ()))
        return [line for line in lines if line.deployment.id not in self._gone and self._is_long_enough(line)]

    def _may_go_on_from(self, turn: Turn, reply: ModelReply) -> bool:
        covered = reply.cost_micros == 0 or self._paid + 1 < self._route.paid_attempts
        return covered and bool(self._route.after(turn.stage, "content"))

    def _charge(self, turn: Turn, reply: ModelReply) -> None:
        """What nobody knows is at most the worst case of the one that answered, not that of the route."""
        cost = reply.cost_micros if reply.usage.known else None
        if cost is None:
            cost = turn.line.worst_case_micros(turn.request)
        self._bill = self._bill.plus(Bill.of(turn.line.deployment.provider, cost, reply.paid))

    def _may_cost(self, turn: Turn, error: ModelError) -> bool:
        """Whether it may; then it is on the bill: with what the provider said, else with the worst case."""
        most = error.most_micros
        if most is None:
            most = turn.line.worst_case_micros(turn.request)
        if most == 0:
            return False
        self._paid_error = self._paid_error or error
        self._bill = self._bill.plus(Bill.of(turn.line.deployment.provider, most, error.paid))
        return True

    def _note(self, turn: Turn, error: ModelError, verdict: Verdict) -> None:
        """What the deployment is to be blamed for."""
        now, breaker = self._clock.monotonic(), turn.line.breaker
        self._report(turn, verdict.outcome)
        turn.line.record.failed(verdict.outcome, error.code, self._clock.now().isoformat())
        if verdict.blame == "none" or (verdict.outcome == "timeout" and self._was_hurried(turn)):
            breaker.succeeded(turn.permit, now) if verdict.blame == "none" else self._drop(turn)
        elif verdict.blame == "failed":
            breaker.failed(turn.permit, now)
        elif verdict.blame == "held":
            self._drop(turn)
            breaker.hold(now, verdict.hold or 0.0)
        elif verdict.blame == "tripped":
            breaker.trip(now)
        else:
            breaker.break_for_good()

    def _was_hurried(self, turn: Turn) -> bool:
        """Others had used up most of the time before it was asked."""
        whole = turn.line.addressed(self._request).timeout
        return turn.request.timeout < whole / 2

    def _report(self, turn: Turn, outcome: str) -> None:
        turn.over = True
        turn.line.in_flight -= 1
        if len(self._attempts) < TOLD:
            ms = round((self._clock.monotonic() - turn.began) * 1000)
            self._attempts.append(ModelAttempt(deployment=turn.line.deployment.id, outcome=outcome, ms=ms))

    def _shown(self) -> tuple[ModelAttempt, ...]:
        return tuple(self._attempts) if len(self._attempts) > 1 else ()

    def _whole(self, turn: Turn, reply: ModelReply) -> ModelReply:
        """With what the attempts before it cost."""
        if len(self._attempts) == 1 and (reply.usage.known or len(self._route.lines) == 1):
            return reply
        self._charge(turn, reply)
        return self._with_bill(turn, reply)

    def _with_bill(self, turn: Turn, reply: ModelReply) -> ModelReply:
        provider = turn.line.deployment.provider
        paid = self._bill.beside(provider)
        if not (paid or reply.usage.known or self._bill.micros is None):
            paid = {provider: self._bill.micros}
        return replace(reply, cost_micros=self._bill.micros, paid=paid, attempts=self._shown())

    def _told(self, error: ModelError) -> ModelError:
        """`error` with the attempts. Where money may be gone nothing in it says that it was free."""
        if len(self._attempts) > 1:
            error.context["attempts"] = [
                {"deployment": one.deployment, "outcome": one.outcome, "ms": one.ms} for one in self._attempts
            ]
        if self._paid_error is not None:
            error.paid = self._bill.paid
            if len(self._route.lines) > 1:  # else it is what it says itself, or what was reserved
                error.most_micros = self._bill.micros
            error.context.pop("status", None)
        elif self._paid_error is None and not is_free(error) and len(self._route.lines) > 1:
            error.context["status"] = "free"  # of a model that costs nothing, on a route where others do
        return error

    def _nobody(self) -> ModelError:
        """Nothing was asked: all are out of use."""
        now, model = self._clock.monotonic(), self._request.model
        lines = self._route.lines
        seconds = min((line.breaker.left(now) for line in lines), default=0.0)
        last = max((line.record for line in lines), key=lambda record: record.last_error_at).last_error
        if all(line.breaker.state(now) == "broken" for line in lines):
            return ModelRejected(
                f"every deployment of {model!r} has refused its API key; correct the keys in the settings or "
                "the model list, and restart",
                code="model.key",
                context={"model": model, "provider": lines[0].deployment.provider},
            )
        return ModelUnavailable(
            f"no deployment of {model!r} takes calls now (the last failure was {last or 'none'}); try again "
            f"in {seconds:.0f} s",
            code="model.unavailable.open",
            context={"model": model, "seconds": round(seconds), "last": last, "status": NOT_SENT},
        )
