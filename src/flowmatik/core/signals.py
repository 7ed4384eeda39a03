"""How a waiting run is told something: implements `RunSignals` and `WebHooks` over the inbox."""

from typing import Any

from flowmatik.contracts.runs import RunStatus
from flowmatik.contracts.waits import MAX_SIGNAL_BYTES, MAX_SIGNALS, MAX_SIGNALS_BYTES, HookTokens
from flowmatik.core.brain.plan_waits import NAME
from flowmatik.core.engine.gate import Gate
from flowmatik.core.engine.library import Library
from flowmatik.core.fold import fold
from flowmatik.core.history import whole
from flowmatik.core.journal.port import RunHead
from flowmatik.core.services import EngineServices
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound
from flowmatik.kernel.ids import new_id


class SignalService:
    def __init__(self, services: EngineServices, engine: Gate, tokens: HookTokens | None) -> None:
        self._services = services
        self._journal = services.journal
        self._engine = engine
        self._tokens = tokens
        self._library = Library(services.blobs, services.journal, services.clock)

    async def signal(
        self, workspace_id: str, run_id: str, name: str, data: Any, *, idempotency_key: str = ""
    ) -> None:
        if not NAME.fullmatch(name):
            raise InvalidInput(
                f"{name[:100]!r} cannot be a signal's name; use letters, digits and _ . : -, at most 100",
                code="input.signal.name",
                context={"value": name[:100]},
            )
        body = _checked({"name": name, "data": data})
        head = await self._services.seen_from(workspace_id).head(workspace_id, run_id)
        input_id = f"signal:{idempotency_key or new_id('inp')}"
        if RunStatus(head.status).ended:  # the reply to the first try may have been lost
            if not (idempotency_key and await self._was_sent(run_id, input_id, body)):
                raise _ended(head)
            return
        await self._check_room(run_id, input_id, body)
        await self._library.adopt(run_id, workspace_id, (body,))
        if not await self._journal.post(run_id, input_id, "signal", body):
            await self._was_sent(run_id, input_id, body)
        self._engine.nudge(run_id)

    async def _check_room(self, run_id: str, input_id: str, body: str) -> None:
        """A run keeps what nobody waits for, in its history and its inbox: raises Conflict when that is full.
        A signal that is there already needs no room."""
        sent = await self._journal.signals_of(run_id)
        if sent.count < MAX_SIGNALS and sent.size + len(body.encode()) <= MAX_SIGNALS_BYTES:
            return
        if await self._was_sent(run_id, input_id, body):
            return
        raise Conflict(
            f"run {run_id} was sent {sent.count:,} signals of {sent.size:,} bytes, and takes at most "
            f"{MAX_SIGNALS:,} of {MAX_SIGNALS_BYTES:,}; send the rest to a new run",
            code="conflict.signals_full",
            context={
                "run_id": run_id,
                "count": f"{sent.count:,}",
                "bytes": f"{sent.size:,}",
                "most": f"{MAX_SIGNALS:,}",
                "most_bytes": f"{MAX_SIGNALS_BYTES:,}",
            },
        )

    async def _was_sent(self, run_id: str, input_id: str, body: str) -> bool:
        """Raises Conflict when another signal was, under this key."""
        inputs = await self._journal.inbox(run_id, after=0)
        first = next((item for item in inputs if item.input_id == input_id), None)
        if first is not None and first.payload != body:
            raise Conflict(
                f"this idempotency key belongs to another signal of run {run_id}; use a new key",
                code="conflict.signal_key",
                context={"run_id": run_id},
            )
        return first is not None

    async def receive(self, token: str, data: Any) -> None:
        hook = self._tokens.read(token) if self._tokens else None
        if hook is None:
            raise NotFound(
                "there is no such webhook; `flowmatik runs show` names the addresses that a run waits at",
                code="not_found.hook",
            )
        body = _checked({"wait_id": hook.wait_id, "data": data})
        reads = self._services.seen_from(hook.workspace_id)
        head = await reads.head(hook.workspace_id, hook.run_id)
        if RunStatus(head.status).ended:
            raise _used()
        state = fold(await whole(reads, hook.run_id), self._services.loop)
        if hook.wait_id not in state.waits:
            raise _used()
        await self._library.adopt(hook.run_id, hook.workspace_id, (body,))
        if not await self._journal.post(hook.run_id, f"hook:{hook.wait_id}", "hook", body):
            raise _used()
        self._engine.nudge(hook.run_id)


def _used() -> Conflict:
    return Conflict("nobody waits at this webhook any more", code="conflict.hook_used")


def _ended(head: RunHead) -> Conflict:
    return Conflict(
        f"run {head.run_id} has ended ({head.status}); start a new run",
        code="conflict.run_ended",
        context={"run_id": head.run_id, "status": head.status},
    )


def _checked(body: dict[str, Any]) -> str:
    """As the inbox keeps it. Raises InvalidInput for data that a journal cannot keep."""
    try:
        text = canonical.dumps(body)
    except TypeError as error:
        raise InvalidInput(
            f"the data of the signal is not JSON that can be kept: {error}",
            code="input.signal.data",
            context={"said": str(error)},
        ) from error
    if len(text.encode()) > MAX_SIGNAL_BYTES:
        raise InvalidInput(
            f"the data of the signal has more than {MAX_SIGNAL_BYTES:,} bytes; send where it lies instead",
            code="input.signal.large",
            context={"most": f"{MAX_SIGNAL_BYTES:,}"},
        )
    if canonical.is_deeper(text, canonical.DEEPEST):
        raise InvalidInput(
            f"the data of the signal is nested in more than {canonical.DEEPEST} levels; send it flatter",
            code="input.signal.deep",
            context={"most": canonical.DEEPEST},
        )
    return text
