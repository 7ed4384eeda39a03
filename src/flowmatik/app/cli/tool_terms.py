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
Prices = Annotated[list[str] | None, typer.Option(metavar=f"{_EACH}USD", help="help.tools.price")]

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
    prices: Sequence[str] | None

    def entry(self) -> Row:
        """For the file; whether the values can be used is for its reader to say. Raises InvalidInput for a
        number that is given twice of the same (`input.term_twice`), for what is no number
        (`input.term_number`), and for a tool without a name (`input.term_tool`)."""
        source: Row = {}
        own: dict[str, Row] = {}
        for field, option, given in (
            ("timeout", "--timeout", self.timeouts),
            ("retries", "--retries", self.retries),
            ("rate_per_minute", "--rate", self.rates),
            ("price_usd", "--price", self.prices),
        ):
            for tool, value in _split(option, given):
                row = own.setdefault(tool, {}) if tool else source
                if field in row:
                    raise _twice(option, tool)
                row[field] = _number(option, value)
        for field, option, given in (
            ("scopes", "--scope", self.scopes),
            ("labels", "--label", self.labels),
            ("labels_in", "--label-in", self.labels_in),
        ):
            for tool, value in _split(option, given):
                row = own.setdefault(tool, {}) if tool else source
                names = cast("list[str]", row.setdefault(field, list[str]()))
                if value:  # without one: none at all
                    names.append(value)
        return source | ({"per_tool": own} if own else {})


def _split(option: str, given: Sequence[str] | None) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for one in given or ():
        tool, sign, value = one.rpartition("=")
        if sign and not tool.strip():
            raise InvalidInput(
                f"{option} {one!r} names no tool before its =; write TOOL=VALUE, or the value "
                "alone for all tools",
                code="input.term_tool",
                context={"option": option, "value": one},
            )
        found.append((tool.strip(), value.strip()))
    return found


def _number(option: str, value: str) -> int | float:
    try:
        return int(value) if value.lstrip("+-").isdigit() else float(value)
    except ValueError as error:
        raise InvalidInput(
            f"{option} {value!r} is no number; write one, or TOOL=NUMBER for one tool",
            code="input.term_number",
            context={"option": option, "value": value},
        ) from error


def _twice(option: str, tool: str) -> InvalidInput:
    of = f" of {tool!r}" if tool else ""
    return InvalidInput(
        f"{option}{of} is given twice; keep one",
        code="input.term_twice",
        context={"option": option, "tool": tool},
    )
