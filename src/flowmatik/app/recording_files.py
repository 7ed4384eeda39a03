"""Recordings as files: JSON, readable by their owner alone."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from flowmatik.contracts.recordings import FORMAT, Recording
from flowmatik.kernel import canonical
from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.errors import InvalidInput, NotFound
from flowmatik.kernel.fields import field_faults

MOST_BYTES = 256 * 1024 * 1024
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL  # nobody put a link there before
_RECORDING: TypeAdapter[Recording] = TypeAdapter(Recording)


def write_recording(path: Path, recording: Recording) -> int:
    """A file that is there is replaced, whole or not at all. Returns the number of bytes."""
    data = _RECORDING.dump_json(recording, indent=1) + b"\n"
    beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(beside, _NEW, 0o600), "wb") as file:
            file.write(data)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise disk_fault(error, path) or error from error
    return len(data)


def read_recording(path: Path) -> Recording:
    """Raises NotFound (`not_found.file`), and InvalidInput (`input.recording`) for what is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise _no_recording(path, f"it is larger than {MOST_BYTES:,} bytes")
        recording = _RECORDING.validate_json(data)
        canonical.dumps(recording.runs)
    except OSError as error:
        raise NotFound(
            f"the file {str(path)!r} cannot be read: {error}",
            code="not_found.file",
            context={"path": str(path)},
        ) from error
    except ValidationError as error:
        raise _no_recording(path, field_faults(error.errors())[0]) from error
    except TypeError as error:  # numbers that none of our own would have
        raise _no_recording(path, f"runs: {error}") from error
    if recording.format != FORMAT:
        raise _no_recording(path, f"format: {recording.format!r} is not {FORMAT!r}")
    if not recording.runs or not all(run.events for run in recording.runs):
        raise _no_recording(path, "runs: a recording holds at least one run, and each has events")
    return recording


def _no_recording(path: Path, why: str | Mapping[str, Any]) -> InvalidInput:
    """`why` in English, or a fault of a field."""
    said = why if isinstance(why, str) else f"{why['place']}: {why['text']}".removeprefix(": ")
    return InvalidInput(
        f"the file {str(path)!r} is no recording of a run: {said}; make one with `flowmatik runs record`",
        code="input.recording",
        context={"path": str(path), "said": why},
    )
