"""Puts values into what a playbook says: `${name}`, `${name.path}`; `$${` is `${`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flowmatik.agents.playbooks.parameters import Told
from flowmatik.contracts.plans import ITEM, ITEM_TEXT
from flowmatik.kernel import canonical

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_NAMED = re.compile(r"([a-z][a-z0-9_]*)((?:\.[A-Za-z0-9_-]+)*)")
Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """`values` by name. `item` is the name that stands for what a map goes through, which is not known
    before it runs."""

    values: Mapping[str, Any]
    item: str = ""
    wrong: list[tuple[Path, Told]] = field(default_factory=lambda: [])

    def fill(self, value: Any, path: Path) -> Any:
        """`value` with everything put in, and what is wrong in `wrong`."""
        if isinstance(value, str):
            return self._text(value, path)
        if isinstance(value, dict):
            given = cast("dict[Any, Any]", value)
            return {str(name): self.fill(part, (*path, str(name))) for name, part in given.items()}
        if isinstance(value, list):
            items = cast("list[Any]", value)
            return [self.fill(part, (*path, n)) for n, part in enumerate(items)]
        return value

    def _text(self, text: str, path: Path) -> Any:
        whole = _REFERENCE.fullmatch(text)
        if whole is not None and whole.group(1) is not None:
            return self._value(whole.group(1), path, whole=True)

        def put(match: re.Match[str]) -> str:
            if match.group(1) is None:
                return "${"
            return shown(self._value(match.group(1), path, whole=False))

        return _REFERENCE.sub(put, text)

    def _value(self, reference: str, path: Path, *, whole: bool) -> Any:
        named = _NAMED.fullmatch(reference)
        name, inner = (named.group(1), named.group(2)) if named else (reference, "")
        if named is not None and name == self.item:
            return self._item(inner.removeprefix("."), path, whole=whole)
        if named is None or name not in self.values:
            known = ", ".join([*self.values, *filter(None, [self.item])]) or "–"
            text = f"${{{reference}}} is no parameter; there is {known}"
            told = Told(text=text, code="playbook.reference", values={"value": reference, "known": known})
            self.wrong.append((path, told))
            return ""
        value = self.values[name]
        for part in filter(None, inner.split(".")):
            value = cast("dict[str, Any]", value).get(part) if isinstance(value, dict) else None
        return value

    def _item(self, inner: str, path: Path, *, whole: bool) -> Any:
        in_arguments = "arguments" in path
        if whole and in_arguments:
            return {ITEM: inner}
        if inner or in_arguments:
            text = (
                f"${{{self.item}}} can stand as a whole argument, with or without a path, and without one in "
                "goals and objectives; nowhere else"
            )
            self.wrong.append((path, Told(text=text, code="playbook.item", values={"value": self.item})))
        return ITEM_TEXT


def shown(value: Any) -> str:
    """As it stands within a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(shown(one) for one in cast("Sequence[Any]", value))
    return canonical.dumps(value)
