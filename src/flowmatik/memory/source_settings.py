"""The settings of a source, read one by one, so that what is missing, wrong or unknown is said by name."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flowmatik.kernel.errors import InvalidInput, Unavailable

SECRETS = "env:SOURCE_"


class Given:
    """Raises InvalidInput (`input.source.setting`); call `finish` when all was read."""

    def __init__(self, kind: str, settings: Mapping[str, Any]) -> None:
        self._kind = kind
        self._settings = settings
        self._read: set[str] = set()

    def text(self, key: str, default: str | None = None) -> str:
        """Needed when there is no `default`."""
        value = self._value(key)
        if value is None:
            if default is None:
                raise self.wrong(key, "it is needed")
            return default
        if not isinstance(value, str) or not value.strip() or "\x00" in value:
            raise self.wrong(key, "a text is needed")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """A list, or one text alone."""
        value = self._value(key)
        if value is None:
            return ()
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, Sequence) or not all(
            isinstance(one, str) and one.strip() for one in cast("Sequence[object]", items)
        ):
            raise self.wrong(key, "a list of texts is needed")
        return tuple(one.strip() for one in cast("Sequence[str]", items))

    def flag(self, key: str) -> bool:
        value = self._value(key)
        found = {"true": True, "yes": True, "false": False, "no": False, "none": False}.get(
            str(value).lower()
        )
        if found is None:
            raise self.wrong(key, "true or false is needed")
        return found

    def number(self, key: str, default: int, *, least: int = 1, most: int = 1_000_000) -> int:
        value = self._value(key)
        if value is None:
            return default
        try:
            number = int(str(value))
        except ValueError as error:
            raise self.wrong(key, "a whole number is needed") from error
        if not least <= number <= most:
            raise self.wrong(key, f"it must be between {least} and {most}")
        return number

    def reference(self, key: str, default: str | None = None) -> str:
        """What stands for a secret: never the secret itself, and of the environment only what is meant for
        sources."""
        value = self.text(key, default)
        if value and not value.startswith(SECRETS):
            raise self.wrong(key, f"write {SECRETS}NAME, the variable of the server that holds it")
        return value

    def finish(self) -> None:
        unknown = sorted(set(self._settings) - self._read)
        if unknown:
            raise self.wrong(unknown[0], f"it is unknown; there are {', '.join(sorted(self._read))}")

    def wrong(self, key: str, why: str) -> InvalidInput:
        return InvalidInput(
            f"setting {key[:100]!r} of a source of kind {self._kind!r}: {why}",
            code="input.source.setting",
            context={"kind": self._kind, "setting": key[:100], "why": why},
        )

    def _value(self, key: str) -> Any:
        self._read.add(key)
        return self._settings.get(key)


def lost(what: str, why: str) -> Unavailable:
    """The source cannot be reached, or is not the whole of itself: nothing of it is taken for gone."""
    return Unavailable(
        f"the source {what} cannot be used now: {why}; nothing of it was removed, the next sync looks again",
        code="unavailable.source",
        context={"source": what, "why": why},
    )
