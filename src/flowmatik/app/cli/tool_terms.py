"""What `mcp add` and `openapi add` say of tools beyond their effect, in the words of the files: of all tools
of the source, or, as `TOOL=VALUE`, of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, cast

import typer

from flowmatik.kernel.errors import InvalidInput

_EACH = "[TOOL=]"
Timeouts = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}SECONDS", help="help.tools.timeout")]
Retries = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}COUNT", help="help.tools.retries")]
Rates = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}PER_MINUTE", help="help.tools.rate")]
Scopes = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}SCOPE", help="help.tools.scope")]
Labels = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}LABEL", help="help.tools.label")]
LabelsIn = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}LABEL", help="help.tools.label_in")]

Row = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTerms:
    """The options as they were written."""

    timeouts: Sequence[str] | None
    retries: Sequence[str] | None
    rates: Sequence[str] | None
    scopes: Sequence[str] | None
    labels: Sequence[str] | None
    labels_in: Sequence[str] | None

    def entry(self) -> Row:
        """For the file; whether the values can be used is for its reader to say. Raises InvalidInput
        (`input.term_twice`) for a number that is given twice of the same."""
        source: Row = {}
        own: dict[str, Row] = {}
        for field, option, given in (
            ("timeout", "--timeout", self.timeouts),
            ("retries", "--retries", self.retries),
            ("rate_per_minute", "--rate", self.rates),
        ):
            for tool, value in _split(given):
                row = own.setdefault(tool, {}) if tool else source
                if field in row:
                    raise _twice(option, tool)
                row[field] = _number(value)
        for field, given in (("scopes", self.scopes), ("labels", self.labels), ("labels_in", self.labels_in)):
            for tool, value in _split(given):
                row = own.setdefault(tool, {}) if tool else source
                names = cast("list[str]", row.setdefault(field, list[str]()))
                if value:  # without one: none at all
                    names.append(value)
        return source | ({"per_tool": own} if own else {})


def _split(given: Sequence[str] | None) -> list[tuple[str, str]]:
    pairs = [one.rpartition("=") for one in given or ()]
    return [(tool.strip(), value.strip()) for tool, _, value in pairs]


def _number(value: str) -> object:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _twice(option: str, tool: str) -> InvalidInput:
    of = f" of {tool!r}" if tool else ""
    return InvalidInput(
        f"{option}{of} is given twice; keep one",
        code="input.term_twice",
        context={"option": option, "tool": tool},
    )
