"""What is wrong with a model list that has the right form: names, circles, addresses."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from urllib.parse import urlsplit

from flowmatik.app.model_list.form import Entry, ModelList

Told = tuple[list[int | str], str, str, dict[str, object]]  # path, English, code, values
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
MODEL = re.compile(r"[a-z0-9_]+/.+")
RESERVED = ("default", "tag")
REFERENCES = ("env:", "file:")


def list_faults(given: ModelList, providers: Collection[str], plugins: Collection[str]) -> Iterator[Told]:
    """`providers`: the ids of those that are configured; `plugins`: of those that there are."""
    taken: dict[str, int] = {}
    for n, entry in enumerate(given.model_list):
        yield from _name_faults(["model_list", n, "model_name"], entry.model_name, (*providers, *plugins))
        yield from _entry_faults(["model_list", n], entry, providers, plugins)
        if entry.id is not None and entry.id in taken:
            yield _told(["model_list", n, "id"], f"{entry.id!r} stands twice", "twice", value=entry.id)
        taken[entry.id or ""] = n
        if entry.summariser is not None:
            yield from _target_faults(["model_list", n, "summariser"], entry.summariser, given, providers)
    names = {entry.model_name for entry in given.model_list}
    for alias, target in given.aliases.items():
        path: list[int | str] = ["aliases", alias]
        yield from _name_faults(path, alias, (*providers, *plugins))
        if alias in names:
            told = f"{alias!r} is a model_name of the list already; choose another"
            yield _told(path, told, "shadows_name", value=alias)
        elif (circle := _circle(alias, lambda one: [given.aliases.get(one, "")])) is not None:
            yield _told(path, f"leads back to itself ({circle})", "circle", way=circle)
        else:
            yield from _target_faults(path, target, given, providers)
    yield from _fallback_faults(given, providers)
    if given.default is not None:
        yield from _target_faults(["default"], given.default, given, providers)


def resolved(name: str, aliases: Mapping[str, str]) -> str:
    """What an alias leads to in the end; of aliases in a circle, itself."""
    seen = {name}
    while (name in aliases) and aliases[name] not in seen:
        name = aliases[name]
        seen.add(name)
    return name


def _name_faults(path: list[int | str], name: str, providers: Collection[str]) -> Iterator[Told]:
    if not NAME.fullmatch(name):
        form = "use lower-case letters, digits, dots, hyphens and underscores, a letter or digit first"
        yield _told(path, f"{name!r} cannot be a name; {form}", "name", value=name)
    elif name in providers or name in RESERVED:
        told = f"{name!r} is the name of a provider, or reserved; choose another"
        yield _told(path, told, "shadows", value=name)


def _entry_faults(
    path: list[int | str], entry: Entry, providers: Collection[str], plugins: Collection[str]
) -> Iterator[Told]:
    own = entry.base_url is not None or entry.api_key is not None
    provider = entry.model.partition("/")[0]
    if not MODEL.fullmatch(entry.model):
        yield _told(
            [*path, "model"], f"{entry.model!r} must be <provider>/<name>", "model", value=entry.model
        )
    elif provider not in providers and not own:
        told = f"the provider {provider!r} is not configured; set it, or give base_url or api_key here"
        yield _told([*path, "model"], told, "unconfigured", provider=provider)
    elif provider not in {*providers, *plugins} and entry.base_url is None:
        told = f"there is no provider {provider!r} here; give its base_url"
        yield _told([*path, "model"], told, "no_address", provider=provider)
    if entry.api_key is not None and not entry.api_key.startswith(REFERENCES):
        told = "must say where the key is, env:NAME or file:PATH; the key itself does not belong in this file"
        yield _told([*path, "api_key"], told, "key")
    if entry.base_url is not None and not _is_address(entry.base_url):
        told = "must look like https://host/v1, without a user or a query"
        yield _told([*path, "base_url"], told, "address")
    if (entry.context_policy == "summarise") != (entry.summariser is not None):
        told = "context_policy summarise and summariser go together; give both or neither"
        yield _told([*path, "summariser"], told, "summariser")
    for n, tag in enumerate(entry.tags):
        if not NAME.fullmatch(tag):
            form = "use lower-case letters, digits, dots, hyphens and underscores, a letter or digit first"
            yield _told([*path, "tags", n], f"{tag!r} cannot be a tag; {form}", "name", value=tag)


def _fallback_faults(given: ModelList, providers: Collection[str]) -> Iterator[Told]:
    def beyond(name: str) -> list[str]:
        rule = given.fallbacks.get(name)
        every = [*rule.unavailable, *rule.context, *rule.content] if rule else []
        return [resolved(one, given.aliases) for one in every]

    for name, rule in given.fallbacks.items():
        path: list[int | str] = ["fallbacks", name]
        if name in given.aliases:
            target = resolved(name, given.aliases)
            told = f"{name!r} is an alias; say who stands in for {target!r}"
            yield _told(path, told, "fallback_alias", value=name, target=target)
            continue
        yield from _target_faults(path, name, given, providers)
        for kind in ("unavailable", "context", "content"):
            names: list[str] = getattr(rule, kind)
            for n, one in enumerate(names):
                yield from _target_faults([*path, kind, n], one, given, providers)
        if (circle := _circle(name, beyond)) is not None:
            yield _told(path, f"leads back to itself ({circle})", "circle", way=circle)


def _target_faults(
    path: list[int | str], name: str, given: ModelList, providers: Collection[str]
) -> Iterator[Told]:
    known = sorted({entry.model_name for entry in given.model_list} | given.aliases.keys())
    if "/" in name:
        if name.partition("/")[0] not in providers or not name.partition("/")[2]:
            provider = name.partition("/")[0]
            told = f"the provider of {name!r} is not configured; there is {', '.join(providers)}"
            yield _told(path, told, "no_provider", provider=provider, known=", ".join(providers))
    elif name not in known:
        if close := get_close_matches(name, known, n=1):
            told = f"there is no model {name!r} in the list; did you mean {close[0]!r}?"
            yield _told(path, told, "no_name.meant", value=name, meant=close[0])
        else:
            there = ", ".join(known) or "–"
            told = f"there is no model {name!r} in the list; there is {there}"
            yield _told(path, told, "no_name", value=name, known=there)


def _circle(start: str, beyond: Callable[[str], list[str]]) -> str | None:
    """The way from `start` back to itself, as people read it."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for name in beyond(way[-1]):
            if name == start:
                return " → ".join([*way, start])
            if name and name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None


def _is_address(given: str) -> bool:
    try:
        parts = urlsplit(given)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return sound and not (parts.username or parts.password or parts.query)


def _told(path: list[int | str], text: str, code: str, **values: object) -> Told:
    return path, text, f"models.{code}", values
