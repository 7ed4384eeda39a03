"""A plan in a file, YAML or JSON: a list of tasks, or `goal` and `plan` as POST /v1/runs takes them. Every
fault is told with the line where it stands."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from flowmatik.agents.profiles.faults import Fault, PlanLoader, fault_at, structure_faults
from flowmatik.api.plans import Plan, tasks_of
from flowmatik.contracts.plans import MAX_PLAN_BYTES, PlanTask
from flowmatik.kernel.errors import FlowmatikError, InvalidInput, PlanInvalid
from flowmatik.kernel.fields import kind_of, words_of

STDIN = "-"
CRITERIA = "criteria"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    goal: str = ""
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """`node` knows where everything stands; `top` is where its tasks are."""

    name: str
    goal: str
    plan: tuple[PlanTask, ...]
    node: yaml.Node | None
    top: tuple[str, ...]

    def located(self, error: FlowmatikError) -> FlowmatikError:
        """The same error with the lines of what it speaks of, as far as it says so."""
        if not isinstance(error, PlanInvalid) or "details" not in error.context:
            return error
        rows = cast("list[Mapping[str, Any]]", error.context["details"])
        return _refusal([self._at(row) for row in rows])

    def _at(self, row: Mapping[str, Any]) -> Fault:
        path = [*self.top, *_path(self.plan, str(row["place"]))]
        found = fault_at(self.name, self.node, path, ("", "", {}))
        where = f"{found.place}: {row['place']}" if row["place"] else found.place
        return Fault(place=where, text=row["text"], code=row["code"], values=row["values"])


def read_plan(given: str) -> PlanFile:
    """`-` is the standard input. Raises InvalidInput for what cannot be read, PlanInvalid for what is no
    plan."""
    name = "stdin" if given == STDIN else given
    text = _text(given, name)
    node, loaded = _json(text, name) if text.lstrip()[:1] in ("{", "[") else _yaml(text, name)
    top = ("plan",) if isinstance(loaded, dict) else ()
    if not isinstance(loaded, dict | list):
        raise _refusal([_told(name, (1, 1), "a plan is a list of tasks, or has goal and plan", "form")])
    try:
        file = _File.model_validate(loaded if top else {"plan": loaded})
    except ValidationError as error:
        raise _refusal(list(_field_faults(name, node, top, error))) from error
    return PlanFile(name=name, goal=file.goal, plan=tasks_of(file.plan), node=node, top=top)


def _text(given: str, name: str) -> str:
    try:
        if given == STDIN:
            raw = sys.stdin.buffer.read(MAX_PLAN_BYTES + 1)
        else:
            with Path(given).open("rb") as file:
                raw = file.read(MAX_PLAN_BYTES + 1)
    except OSError as error:
        raise InvalidInput(
            f"the plan {name!r} cannot be read: {error.strerror}; give a file, or - for the standard input",
            code="input.plan_file",
            context={"file": name, "said": error.strerror or type(error).__name__},
        ) from error
    if len(raw) > MAX_PLAN_BYTES:
        told = f"larger than {MAX_PLAN_BYTES:,} bytes; put long material in documents"
        raise _refusal([_told(name, (1, 1), told, "bytes", most=f"{MAX_PLAN_BYTES:,}")])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace").splitlines() or [""]
        raise _refusal([_told(name, (len(before), 1), "not UTF-8 text", "utf8")]) from error


def _json(text: str, name: str) -> tuple[yaml.Node | None, object]:
    try:
        loaded: object = json.loads(text)
    except ValueError as error:
        at = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (1, 1)
        if at == (1, 1) or not _is_json_like(text):
            return _yaml(text, name)  # a list or mapping of YAML in one line
        said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise _refusal([_told(name, at, f"not JSON: {said}", "not_json_text", said=said)]) from error
    except RecursionError as error:
        raise _refusal([_told(name, (1, 1), "nested too deeply; write it flatter", "deep")]) from error
    try:  # the same text is YAML but for tabs, which it does not take between values
        node = cast("Any", yaml).compose(text.replace("\t", " "), Loader=PlanLoader)
    except (yaml.YAMLError, RecursionError, ValueError):
        return None, loaded  # everything is said without its line
    if faults := structure_faults(name, node):
        raise _refusal(faults)
    return node, loaded


def _is_json_like(text: str) -> bool:
    return re.match(r'[\[{]\s*["{\[]', text.lstrip()) is not None


def _yaml(text: str, name: str) -> tuple[yaml.Node | None, object]:
    try:
        node = cast("Any", yaml).compose(text, Loader=PlanLoader)
        if node is None:
            return None, None
        if faults := structure_faults(name, node):
            raise _refusal(faults)
        return node, cast("Any", PlanLoader("")).construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at, said = (mark.line + 1, mark.column + 1) if mark else (1, 1), str(error.problem)
        raise _refusal([_told(name, at, f"not YAML: {said}", "not_yaml", said=said)]) from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise _refusal([_told(name, (1, 1), f"not YAML: {said}", "not_yaml", said=said)]) from error
    except RecursionError as error:
        raise _refusal([_told(name, (1, 1), "nested too deeply; write it flatter", "deep")]) from error


def _field_faults(
    name: str, node: yaml.Node | None, top: tuple[str, ...], error: ValidationError
) -> Iterator[Fault]:
    for row in error.errors():
        loc = _untagged(tuple(row["loc"][1:] if not top else row["loc"]))
        at = fault_at(name, node, loc, ("", "", {})).place
        field = ".".join(map(str, loc))
        kind, values = kind_of(row)
        yield Fault(
            place=f"{at}: {field}" if field else at, text=words_of(row), code=f"field.{kind}", values=values
        )


def _untagged(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Without the names of the forms that a criterion may have, which stand behind its number."""
    if CRITERIA not in loc:
        return loc
    at = loc.index(CRITERIA) + 2
    tags = 2 if loc[at : at + 1] == ("criterion",) else 1
    return (*loc[:at], *loc[at + tags :])


def _path(tasks: Sequence[PlanTask], place: str) -> Iterator[int | str]:
    """From `task/task.field` to where that stands in the file."""
    *outer, last = place.split("/")
    for task_id in outer:
        n = next((n for n, one in enumerate(tasks) if one.id == task_id), None)
        if n is None or (spec := tasks[n].below) is None:
            return
        yield from (n, "run", "plan") if tasks[n].map is None else (n, "map", "run", "plan")
        tasks = spec.plan
    found = [(n, one) for n, one in enumerate(tasks) if last == one.id or last.startswith(f"{one.id}.")]
    if not found:
        return
    n, task = max(found, key=lambda pair: len(pair[1].id))
    yield n
    fields = last.removeprefix(task.id).removeprefix(".")
    given: Any = task
    for part in filter(None, fields.split(".")):
        if (given := getattr(given, part, None)) is None:
            return
        yield part


def _told(name: str, at: tuple[int, int], text: str, code: str, **values: object) -> Fault:
    return Fault(place=f"{name}:{at[0]}:{at[1]}", text=text, code=f"plan.{code}", values=values)


def _refusal(faults: Sequence[Fault]) -> PlanInvalid:
    lines = [fault.line() for fault in faults]
    return PlanInvalid(
        "\n".join(lines), context={"faults": lines, "details": [asdict(fault) for fault in faults]}
    )
