"""`flowmatik runs blob`: what a run put away because it was too large to stand in it."""

import asyncio
import os
import sys
from base64 import b64encode
from pathlib import Path
from typing import Annotated

import typer

from flowmatik.app.cli.control import runs_app
from flowmatik.app.cli.runs import RunId
from flowmatik.app.cli.session import Session, session_of
from flowmatik.app.exit_codes import ExitCode
from flowmatik.kernel import canonical
from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.pictures import picture_in


@runs_app.command("blob", help="help.runs.blob")
def blob(
    context: typer.Context,
    run_id: RunId,
    sha256: Annotated[str, typer.Argument(help="help.runs.blob.sha256", metavar="SHA256")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="help.runs.blob.output", show_default=False)
    ] = None,
) -> None:
    session = session_of(context)
    session.run(show_blob(session, run_id, sha256, output))


async def show_blob(session: Session, run_id: str, sha256: str, output: Path | None) -> int:
    data = await session.on_backend(lambda backend: backend.blobs.read(backend.workspace_id, run_id, sha256))
    if output is not None:
        await asyncio.to_thread(_write, output, data)
    if session.json:
        body: dict[str, object] = {"run_id": run_id, "sha256": sha256, "bytes": len(data)}
        where = {"output": str(output)} if output else _shown(data)
        session.print_json(body | where)
    elif output is not None:
        session.say("runs.blob.written", bytes=len(data), path=str(output))
    else:
        sys.stdout.buffer.write(data if picture_in(data) else data + b"\n")
        sys.stdout.flush()
    return ExitCode.OK


def _shown(data: bytes) -> dict[str, object]:
    """JSON as it is, pictures as text that JSON can carry."""
    picture = picture_in(data)
    if picture is None:
        return {"value": canonical.loads(data)}
    return {"media_type": picture.media_type, "base64": b64encode(data).decode()}


def _write(path: Path, data: bytes) -> None:
    """Readable by its owner alone, as the blob itself is; a file that is there is replaced."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
    except OSError as error:
        raise disk_fault(error, path) or error from error
