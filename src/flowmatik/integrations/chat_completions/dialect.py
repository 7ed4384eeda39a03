"""What differs between the services that speak OpenAI's format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.chat_completions.keeping import nothing
from flowmatik.integrations.direct.prices import ModelPrice

Api = Literal["chat", "responses", "auto"]


def _no_catalogue() -> Mapping[str, ModelPrice]:
    return MappingProxyType({})


def _nothing_is_free(model: str) -> bool:
    del model
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where a service is by default; whether it is OpenAI itself (its newer parameters); at that address
    the provider's id in the public price list, and a list of its own; which of its models are free, wherever
    it runs; which API is asked, where "auto" takes responses for models that reason. Where names do not say
    which model they are (`named`), no public list is looked at. `keeping`: the settings of a call that say
    what to keep of its prompt; `writing`: as in PriceList."""

    base_url: str = ""
    is_openai: bool = False
    price_list: str = ""
    catalogue: Callable[[], Mapping[str, ModelPrice]] = _no_catalogue
    is_free: Callable[[str], bool] = _nothing_is_free
    api: Api = "chat"
    named: bool = True
    keeping: Callable[[ModelRequest], dict[str, Any]] = nothing
    writing: float = 1.0
