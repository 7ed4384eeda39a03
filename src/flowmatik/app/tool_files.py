"""The files in which an operator says what else agents may use: `tools/mcp.yaml`, `tools/openapi.yaml` and
`tools/connections.yaml` of a home. Every fault is told with the line where it stands."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from flowmatik.agents.mcp.config import McpServers
from flowmatik.agents.mcp.pins import Pins, dump_pins, load_pins
from flowmatik.agents.openapi.config import OpenApis
from flowmatik.agents.profiles.faults import Fault, ProfileLoader, fault_at, structure_faults
from flowmatik.app.private_file import write_private
from flowmatik.app.settings import Settings, process_environment
from flowmatik.kernel.errors import ConfigurationError
from flowmatik.kernel.fields import kind_of, words_of
from flowmatik.security.connections.config import ConnectionKinds

log = logging.getLogger(__name__)
M = TypeVar("M", bound=BaseModel)
INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TMPDIR", "TZ", "USER")
MOST_BYTES = 1_000_000


def tools_folder(settings: Settings) -> Path:
    return settings.home / "tools"


def mcp_servers(settings: Settings) -> McpServers:
    """Raises ConfigurationError (`config.tools`) with every fault, as the two below."""
    return read_model(tools_folder(settings) / "mcp.yaml", McpServers)


def open_apis(settings: Settings) -> OpenApis:
    return read_model(tools_folder(settings) / "openapi.yaml", OpenApis)


def connection_kinds(settings: Settings) -> ConnectionKinds:
    return read_model(tools_folder(settings) / "connections.yaml", ConnectionKinds)


def read_model(path: Path, model: type[M]) -> M:
    """What the file says; nothing when there is none."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return model()
    except OSError as error:
        said = error.strerror or type(error).__name__
        raise refusal(path, [_told(path, 1, 1, f"cannot be read: {said}")]) from error
    if len(raw) > MOST_BYTES:
        raise refusal(path, [_told(path, 1, 1, f"larger than {MOST_BYTES:,} bytes")])
    node, loaded = _loaded(path, raw)
    if loaded is None:
        return model()
    try:
        return model.model_validate(loaded)
    except ValidationError as error:
        raise refusal(path, [_fault(path, node, row) for row in error.errors()]) from error


def node_of(path: Path) -> yaml.Node | None:
    """Where everything of a file stands; None when it is empty or not there."""
    return _loaded(path, path.read_bytes())[0] if path.exists() else None


def _loaded(path: Path, raw: bytes) -> tuple[yaml.Node | None, object]:
    try:
        node = cast("Any", yaml).compose(raw.decode("utf-8-sig"), Loader=ProfileLoader)
        if node is None:
            return None, None
        if faults := structure_faults(path.name, node):
            raise refusal(path, faults)
        return node, cast("Any", ProfileLoader("")).construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise refusal(path, [_told(path, line, column, f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())[:200]
        raise refusal(path, [_told(path, 1, 1, f"not YAML: {said}")]) from error


def _fault(path: Path, node: yaml.Node | None, row: Mapping[str, Any]) -> Fault:
    loc = [part for part in cast("tuple[int | str, ...]", row["loc"]) if part != "[key]"]
    at = fault_at(path.name, node, loc, ("", "", {})).place
    name = ".".join(map(str, loc))
    kind, limits = kind_of(row)
    place = f"{at}: {name}" if name else at
    return Fault(place=place, text=words_of(row), code=f"field.{kind}", values=limits)


def _told(path: Path, line: int, column: int, text: str) -> Fault:
    return Fault(place=f"{path.name}:{line}:{column}", text=text, code="field.other", values={"said": text})


def refusal(path: Path, faults: list[Fault]) -> ConfigurationError:
    lines = "\n".join(fault.line() for fault in faults)
    return ConfigurationError(
        f"{str(path)!r} cannot be used:\n{lines}",
        code="config.tools",
        context={"file": str(path), "details": [asdict(fault) for fault in faults]},
    )


def secret_values(settings: Settings) -> Callable[[str], str]:
    """What a reference stands for: `env:NAME` of this process, `file:PATH` from the home, `text:…` itself.
    Raises ConfigurationError (`config.reference`); the value is never part of it."""

    def value(reference: str) -> str:
        kind, _, rest = reference.partition(":")
        if kind == "text":
            return rest
        is_variable = kind == "env"
        found = process_environment().get(rest, "") if is_variable else _file_value(settings.home / rest)
        if not found:
            raise ConfigurationError(
                f"{reference!r} stands for nothing: set that variable, or write that file",
                code="config.reference",
                context={"reference": reference},
            )
        return found

    return value


def _file_value(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def tool_environment() -> dict[str, str]:
    """What processes of tools get of ours: where programs lie and how to speak, and no setting."""
    ours = process_environment()
    return {name: ours[name] for name in INHERITED if name in ours}


class ApprovedTools:
    """The file of what was approved, read again when it changes: an approval holds at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int] = (-1, -1)
        self._pins: Pins = {}

    def __call__(self) -> Pins:
        """Raises ConfigurationError the first time; later a file that cannot be read changes nothing."""
        stamp = self._now()
        if stamp != self._stamp:
            first, self._stamp = self._stamp == (-1, -1), stamp
            try:
                self._pins = load_pins(self._path.read_text(encoding="utf-8")) if stamp[1] else {}
            except (OSError, ValueError) as error:
                if first:
                    raise refusal(self._path, [_told(self._path, 1, 1, str(error))]) from error
                log.warning("approved tools cannot be read", extra={"file": str(self._path)})
        return self._pins

    def keep(self, pins: Pins) -> None:
        write_private(self._path, dump_pins(pins))

    def _now(self) -> tuple[int, int]:
        try:
            told = self._path.stat()
        except OSError:
            return 0, 0
        return told.st_mtime_ns, told.st_size


def approved_tools(settings: Settings) -> ApprovedTools:
    return ApprovedTools(tools_folder(settings) / "mcp.approved.json")


def checked(path: Path, model: type[M], value: Mapping[str, object]) -> M:
    """What is about to be written into `path`. Raises ConfigurationError as if it stood there."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise refusal(path, [_fault(path, None, row) for row in error.errors()]) from error
