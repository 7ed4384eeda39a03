"""What a profile names must be there: found when it is written, not when a run needs it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import cast

from flowmatik.agents.profiles.faults import FORMS, Told

SLIP = 0.85  # so alike that it is a slip of the pen, and no other word


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What an installation has for agents. `models`: each provider that it has a plugin for, configured
    or not, with the names that it serves; none where only the provider itself knows them. `skills` are
    those of the agents that ship: there may be others, for plans that a model makes. `folders`: those with a
    SKILL.md. `names` and `tags` are those of the model list."""

    tools: Collection[str]
    models: Mapping[str, Collection[str]]
    skills: Collection[str]
    folders: Collection[str] = ()
    names: Collection[str] = ()
    tags: Collection[str] = ()


def inventory_faults(loaded: object, there: Inventory) -> Iterator[tuple[list[int | str], Told]]:
    """Tools and models that do not exist, and skills that are one that does, misspelt. `loaded` is the
    profile as it was written: it may have faults of its own, which are others' to tell."""
    fields = cast("dict[str, object]", loaded) if isinstance(loaded, dict) else dict[str, object]()
    for n, tool in _words(fields.get("tools")):
        if tool not in there.tools:
            yield ["tools", n], _unknown("tool", tool, there.tools)
    for n, skill in _words(fields.get("skills")):
        if skill not in there.skills and get_close_matches(skill, there.skills, n=1, cutoff=SLIP):
            yield ["skills", n], _unknown("skill", skill, there.skills)
    for n, folder in _words(fields.get("skill_folders")):
        if folder not in there.folders:
            yield ["skill_folders", n], _unknown("folder", folder, there.folders)
    for field in ("model", "frugal_model"):
        model = fields.get(field, "default")
        if isinstance(model, str) and model != "default":
            yield from _model_faults([field], model, there)
    for path, model in (*_candidates(fields.get("model")), *_cascade_models(fields.get("cascade"))):
        yield from _model_faults(path, model, there)


def _words(given: object) -> Iterator[tuple[int, str]]:
    items = cast("list[object]", given) if isinstance(given, list) else []
    return ((n, item) for n, item in enumerate(items) if isinstance(item, str))


def _candidates(given: object) -> Iterator[tuple[list[int | str], str]]:
    fields = cast("dict[str, object]", given) if isinstance(given, dict) else dict[str, object]()
    for n, model in _words(fields.get("candidates")):
        yield ["model", "candidates", n], model


def _cascade_models(given: object) -> Iterator[tuple[list[int | str], str]]:
    fields = cast("dict[str, object]", given) if isinstance(given, dict) else dict[str, object]()
    for n, model in _words(fields.get("models")):
        yield ["cascade", "models", n], model
    if isinstance(strong := fields.get("strong"), str):
        yield ["cascade", "strong"], strong


def _model_faults(
    path: list[int | str], model: str, there: Inventory
) -> Iterator[tuple[list[int | str], Told]]:
    if "/" not in model:
        yield from _listed_faults(path, model, there)
        return
    provider, _, name = model.partition("/")
    served = there.models.get(provider)
    if served is None:
        yield path, _unknown("provider", provider, there.models)
    elif served and name not in served:
        yield path, _unknown("model", model, [f"{provider}/{one}" for one in served])


def _listed_faults(
    path: list[int | str], model: str, there: Inventory
) -> Iterator[tuple[list[int | str], Told]]:
    """Of `NAME`, `NAME@TAG+TAG` and `tag:TAG+TAG`."""
    if not there.names:
        field = next(str(part) for part in reversed(path) if isinstance(part, str))
        yield path, (f"{model!r} cannot be used; {FORMS[field]}", f"form.{field}", {"value": repr(model)})
        return
    name, _, tags = model.partition(":" if model.startswith("tag:") else "@")
    if name != "tag" and name not in there.names:
        yield path, _unknown("model", name, there.names)
    for tag in tags.split("+") if tags else ():
        if tag not in there.tags:
            yield path, _unknown("tag", tag, there.tags)


def _unknown(kind: str, value: str, known: Collection[str]) -> Told:
    if close := get_close_matches(value, known, n=1):
        meant = close[0]
        text = f"there is no {kind} {value!r}; did you mean {meant!r}?"
        return text, f"no_{kind}.meant", {"value": value, "meant": meant}
    names = ", ".join(sorted(known)) or "–"
    return (
        f"there is no {kind} {value!r}; there is {names}",
        f"no_{kind}",
        {"value": value, "known": names},
    )
