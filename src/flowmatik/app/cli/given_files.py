"""Files that people give to commands."""

from pathlib import Path

from flowmatik.app.cli.ingest_view import no_such_path
from flowmatik.kernel.errors import InvalidInput, NotFound


def read_text(file: Path) -> str:
    """Without the mark that some editors put before it. Raises InvalidInput (`input.not_text`), NotFound."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"the file {str(file)!r} is not text in UTF-8 (byte {error.start + 1}); save it as UTF-8",
            code="input.not_text",
            context={"path": str(file), "byte": error.start + 1},
        ) from error
    except FileNotFoundError as error:
        raise no_such_path(file) from error
    except OSError as error:
        raise NotFound(
            f"the file {str(file)!r} cannot be read: {error}",
            code="not_found.file",
            context={"path": str(file)},
        ) from error
