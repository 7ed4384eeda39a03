"""Regular expressions that are compiled when they are first used.

Compiling costs more than importing the module around it, and most commands never ask most of them.
"""

import re
from typing import Any, cast


class _Lazy:
    """Everything that the compiled expression has, from the first use on."""

    __slots__ = ("_compiled", "_flags", "_source")

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags
        self._compiled: re.Pattern[str] | None = None

    def __getattr__(self, name: str) -> Any:
        if self._compiled is None:
            self._compiled = re.compile(self._source, self._flags)
        return getattr(self._compiled, name)


def pattern(source: str, flags: int = 0) -> re.Pattern[str]:
    """As `re.compile`, whose errors come at the first use; use its methods, not the functions of `re`."""
    return cast("re.Pattern[str]", _Lazy(source, flags))
