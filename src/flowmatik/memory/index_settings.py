"""What an index outside is configured with."""

from collections.abc import Mapping
from typing import Any, cast

from flowmatik.kernel.errors import ConfigurationError


class IndexSettings:
    """The table of an index in the settings. Raises ConfigurationError that names the key."""

    def __init__(self, index: str, given: Any, known: frozenset[str]) -> None:
        self._index = index
        self._given = cast("Mapping[str, Any]", given or {})
        unknown = sorted(set(self._given) - known)
        if unknown:
            names = ", ".join(unknown)
            raise ConfigurationError(
                f"the index {index!r} does not know {names}; it knows {', '.join(sorted(known))}",
                code="config.index.unknown",
                context={"index": index, "keys": names, "known": ", ".join(sorted(known))},
            )

    def text(self, key: str, default: str | None = None) -> str:
        value: object = self._given.get(key, default)
        if not isinstance(value, str) or not value:
            raise self.wrong(key, "a text")
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """The first one is the default."""
        value = self.text(key, choices[0])
        if value not in choices:
            raise self.wrong(key, f"one of {', '.join(choices)}")
        return value

    def seconds(self, default: float) -> float:
        value: object = self._given.get("timeout_seconds", default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 3600:
            raise self.wrong("timeout_seconds", "a number of seconds up to 3600")
        return float(value)

    def secret(self, key: str = "api_key") -> str:
        """Given by whoever read the settings, which name the variable of the environment; "" for none."""
        value: object = self._given.get(key, "")
        if not isinstance(value, str):
            raise self.wrong(key, "a text")
        return value

    def has(self, key: str) -> bool:
        return bool(self._given.get(key))

    def wrong(self, key: str, allowed: str) -> ConfigurationError:
        return ConfigurationError(
            f"the index {self._index!r} needs {key} to be {allowed}; correct memory.{self._index}.{key}",
            code="config.index.value",
            context={"index": self._index, "key": key, "allowed": allowed},
        )
