"""What `flowmatik init` does: a home folder, an administrator, example documents.

Done again, it changes nothing.
"""

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from flowmatik.app.examples import copy_examples
from flowmatik.app.settings import DATA_FOLDER, SETTINGS_FILE
from flowmatik.app.wiring import Platform
from flowmatik.kernel.disk import disk_fault
from flowmatik.kernel.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """`password` of the first administrator, None when there was one already; `examples`: the example
    documents were put there; `to_ingest`: folders whose documents are not in memory yet."""

    password: str | None = field(repr=False)
    examples: bool = False
    to_ingest: tuple[Path, ...] = ()


def prepare_home(home: Path, language: str) -> bool:
    """The folder, its settings file and its data folder (0700). False when it was a home
    already. Raises ConfigurationError when it may not be written, Unavailable when the disk takes
    nothing more."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        data = home / DATA_FOLDER
        data.mkdir(mode=0o700, exist_ok=True)
        data.chmod(0o700)
        (data / "keys").mkdir(mode=0o700, exist_ok=True)
        settings_file = home / SETTINGS_FILE
        if settings_file.exists():
            return False
        template = files("flowmatik.app").joinpath("locales", f"settings.{language}.toml")
        fresh = settings_file.with_name(f".{SETTINGS_FILE}.new")  # half a file would pass for a whole home
        fresh.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
        fresh.replace(settings_file)
    except OSError as error:
        if fault := disk_fault(error, home):
            raise fault from error
        raise ConfigurationError(
            f"the home folder {str(home)!r} cannot be written: {error}; choose another one with --home",
            code="config.home",
            context={"home": str(home)},
        ) from error
    return True


async def set_up(platform: Platform, *, examples: bool) -> SetUp:
    """The first administrator and, in a home without documents, the example documents."""
    password = await platform.identity.create_first_admin(platform.workspace_id)
    documents = platform.settings.documents
    examples = examples and not documents.exists()
    documents.mkdir(exist_ok=True)
    if examples:
        copy_examples(documents)
    state = await platform.memory.status(platform.workspace_id)
    empty = state.documents == 0 and state.tables == 0
    to_ingest = (documents,) if empty and any(documents.iterdir()) else ()
    return SetUp(password=password, examples=examples, to_ingest=to_ingest)
