"""What the doctor says of Redis."""

from contextlib import AsyncExitStack

from flowmatik.app.finding import Finding
from flowmatik.app.settings import Settings
from flowmatik.app.streams import streams_of
from flowmatik.contracts.streams import Streams
from flowmatik.core.streams.ports import HINTS
from flowmatik.kernel.errors import FlowmatikError

KEEPS = "noeviction"


async def check_redis(settings: Settings) -> list[Finding]:
    """Nothing where none is set."""
    async with AsyncExitStack() as stack:
        try:
            streams = streams_of(settings, stack)
            return [] if streams is None else [await _look(streams)]
        except FlowmatikError as error:
            fault = {"code": error.code, "values": error.context, "text": error.message}
            return [
                Finding(
                    check="redis",
                    ok=False,
                    detail="doctor.redis.failed",
                    mend="doctor.redis.mend",
                    values={"error": fault},
                )
            ]


async def _look(streams: Streams) -> Finding:
    """A server that drops keys is no fault: whatever it drops is found again, only later."""
    state = await streams.state()
    groups = await streams.groups(HINTS)
    return Finding(
        check="redis",
        ok=True,
        detail="doctor.redis.detail",
        mend="" if state.policy in ("", KEEPS) else "doctor.redis.policy",
        values={
            "server": streams.server,
            "version": state.version,
            "behind": max((one.pending + (one.lag or 0) for one in groups), default=0),
            "policy": state.policy,
        },
    )
