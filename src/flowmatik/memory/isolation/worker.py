"""The worker: reads jobs from its standard input, writes answers, ends when the input does."""

import os
import sys

from flowmatik.kernel.errors import FlowmatikError
from flowmatik.memory.formats import Formats
from flowmatik.memory.isolation import wire
from flowmatik.memory.isolation.confine import confine, limit_time
from flowmatik.memory.prepare import Prepared, run_job

_GRACE_SECONDS = 5
_MOST_JOB = 1 << 40


def main(parent: int, memory_bytes: int, opens: str = "") -> None:
    """Until the parent closes the pipe, or memory was short."""
    replies = os.fdopen(os.dup(1), "wb")
    jobs = os.fdopen(os.dup(0), "rb")
    formats = Formats()
    holds = confine(parent, memory_bytes, opens)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):  # what a library prints must not end up between the answers
        os.dup2(silence, stream)
    wire.write_frame(replies, wire.orjson.dumps({"holds": holds}))
    os.dup2(silence, 2)
    while (frame := wire.read_frame(jobs, _MOST_JOB)) is not None:
        answer = _answer(formats, *frame)
        wire.write_frame(replies, wire.answer_frame(answer))
        if isinstance(answer, wire.Failure) and answer.is_memory:
            break
        del frame, answer


def _answer(formats: Formats, head: bytes, body: bytes) -> Prepared | wire.Failure:
    job, limits = wire.read_job(head, body)
    limit_time(limits.parse_seconds + _GRACE_SECONDS)
    try:
        return run_job(job, formats, limits)
    except FlowmatikError as error:
        return wire.Failure(
            message=error.message, code=error.code, context=dict(error.context), retryable=error.retryable
        )
    except MemoryError:
        return wire.Failure(message="", context={}, is_memory=True)
    except Exception as error:  # a library's own fault with this file: the file is reported, not the sync
        why = f"{type(error).__name__}: {error}"[:300]
        return wire.Failure(
            message=f"{job.name}: cannot be read: {why}; open it and save it again",
            code="document.unreadable",
            context={"why": why},
        )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
