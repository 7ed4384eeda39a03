"""Pictures that people give to commands."""

from collections.abc import Sequence
from pathlib import Path

from flowmatik.app.cli.ingest_view import no_such_path
from flowmatik.app.cli.session import Session
from flowmatik.contracts.images import MOST_BYTES, Image, image_of
from flowmatik.contracts.runs import RunView
from flowmatik.kernel.errors import InvalidInput, NotFound


def read_images(files: Sequence[Path]) -> tuple[Image, ...]:
    """Raises InvalidInput for what is no picture, or too large, with the file's name, and NotFound."""
    return tuple(_image(file) for file in files)


def _image(file: Path) -> Image:
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except FileNotFoundError as error:
        raise no_such_path(file) from error
    except OSError as error:
        raise NotFound(
            f"the file {str(file)!r} cannot be read: {error}",
            code="not_found.file",
            context={"path": str(file)},
        ) from error
    try:
        return image_of(data)
    except InvalidInput as error:
        raise InvalidInput(
            f"the file {str(file)!r} cannot be shown: {error.message}",
            code="input.image_file",
            context={
                "path": str(file),
                "fault": {"code": error.code, "values": error.context, "text": error.message},
            },
        ) from error


def tell_of_unseen(session: Session, view: RunView) -> None:
    """That a part of the run was done without its pictures."""
    if view.unseen_by:
        session.say("run.unseen", tasks=", ".join(view.unseen_by))
