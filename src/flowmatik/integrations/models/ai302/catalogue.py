"""The price list that comes with the plugin; where its facts are from is said in the file."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flowmatik.integrations.direct import ModelPrice

FILE = Path(__file__).with_name("catalogue.toml")


@cache
def catalogue() -> Mapping[str, ModelPrice]:
    """The prices by 302.AI's name of the model."""
    listed = tomllib.loads(FILE.read_text(encoding="utf-8"))["models"]
    return MappingProxyType({name: _price(entry) for name, entry in listed.items()})


def _price(entry: dict[str, Any]) -> ModelPrice:
    fields = dict(entry)
    long = fields.pop("long", None)
    return ModelPrice(**fields, long=None if long is None else ModelPrice(**long))
