"""What goes over the pipes: a frame is two lengths, JSON and bytes. Nothing in it can be executed.

The worker is not trusted: it has read what strangers wrote. Its answers are bounded in length and checked
against the types that they must have.
"""

import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast

import orjson

from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.parsing import clean
from flowmatik.memory.prepare import Job, Prepared
from flowmatik.memory.records import Stamp

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_LENGTHS = struct.Struct(">QQ")
MOST_REPLY = 1 << 30  # bytes; the longest text that is taken, with its terms, needs a third of it


class Broken(Exception):
    """The other side sent no frame, half of one, or something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no record: the code, message and values of an error, or that memory was short."""

    message: str
    code: str = ""
    context: Mapping[str, Any]
    retryable: bool = False
    is_memory: bool = False


def write_frame(pipe: IO[bytes], head: bytes, body: bytes = b"") -> None:
    """Raises OSError when nobody reads."""
    pipe.write(_LENGTHS.pack(len(head), len(body)))
    pipe.write(head)
    pipe.write(body)
    pipe.flush()


def read_frame(pipe: IO[bytes], most: int) -> tuple[bytes, bytes] | None:
    """None at the end of the pipe. Raises Broken for half a frame or one longer than `most`."""
    lengths = pipe.read(_LENGTHS.size)
    if not lengths:
        return None
    if len(lengths) < _LENGTHS.size:
        raise Broken("the pipe ended inside a frame")
    head, body = _LENGTHS.unpack(lengths)
    if head + body > most:
        raise Broken(f"a frame of {head + body} bytes, above {most}")
    parts = pipe.read(head), pipe.read(body)
    if (len(parts[0]), len(parts[1])) != (head, body):
        raise Broken("the pipe ended inside a frame")
    return parts


def job_frame(job: Job, limits: IngestLimits) -> tuple[bytes, bytes]:
    head = {key: value for key, value in asdict(job).items() if key != "data"}
    return orjson.dumps({"job": head, "limits": asdict(limits)}), job.data


def read_job(head: bytes, body: bytes) -> tuple[Job, IngestLimits]:
    told = orjson.loads(head)
    fields: dict[str, Any] = {**told["job"], "stamp": Stamp(**told["job"]["stamp"])}
    return Job(**fields, data=body), IngestLimits(**told["limits"])


def answer_frame(answer: Prepared | Failure) -> bytes:
    kind = "failure" if isinstance(answer, Failure) else "prepared"
    try:
        return orjson.dumps({kind: answer})
    except TypeError:  # a lone surrogate in a title or a reason, which nothing could store either
        return orjson.dumps({kind: _cleaned(asdict(answer))}, default=str)


def read_answer(head: bytes) -> Prepared | Failure:
    """Raises Broken when it is neither."""
    try:
        told = _reply().validate_json(head)
    except ValueError as error:
        raise Broken("the answer is not of the form agreed") from error
    (answer,) = told.values()
    return answer


@cache
def _reply() -> "TypeAdapter[dict[str, Prepared | Failure]]":
    from pydantic import TypeAdapter

    return TypeAdapter(dict[str, Prepared | Failure])


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): _cleaned(one) for key, one in items}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in cast("list[object]", value)]
    return value
