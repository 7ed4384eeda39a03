"""Names of tools that others have named."""

import re
from collections.abc import Collection

LONGEST_NAME = 64


def safe_name(wanted: str, taken: Collection[str]) -> str:
    """A name of a tool that profiles can write, and that nobody has."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", wanted)
    plain = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    plain = plain if plain[:1].isalpha() else f"t_{plain}"
    name, n = plain[:LONGEST_NAME], 2
    while name in taken:
        end = f"_{n}"
        name, n = f"{plain[: LONGEST_NAME - len(end)]}{end}", n + 1
    return name
