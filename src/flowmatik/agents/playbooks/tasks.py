"""Writes the tasks of a playbook: each becomes none, one or several of a plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from flowmatik.agents.playbooks.joining import joined, rename_items
from flowmatik.agents.playbooks.model import ChoiceRule, LoopRule
from flowmatik.agents.playbooks.parameters import resolved, sample
from flowmatik.agents.playbooks.pieces import Group, Path, Piece
from flowmatik.agents.playbooks.reading import Playbook
from flowmatik.agents.playbooks.texts import Filling
from flowmatik.agents.profiles.faults import Fault
from flowmatik.contracts.plans import MAX_PLAN_TASKS, OTHERWISE, passes
from flowmatik.kernel.fields import kind_of, words_of

OWN = ("id", "needs", "when", "otherwise", "for_each", "use", "with")  # what a plan's task has otherwise
DEEPEST_USE = 8
M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True, kw_only=True)
class TaskWriter:
    """`every`: all tasks, whatever their conditions on parameters say. What is wrong is collected in `wrong`,
    so that all of it can be told at once."""

    library: Mapping[str, Playbook]
    every: bool = False
    wrong: list[Fault] = field(default_factory=lambda: [])
    count: int = 0
    _way: list[str] = field(default_factory=lambda: [])

    def groups(self, book: Playbook, values: Mapping[str, Any]) -> dict[str, Group]:
        """By the ids that the tasks have in the playbook, in their order."""
        found: dict[str, Group] = {}
        self._way.append(book.name)
        for n, raw in enumerate(book.file.tasks):
            path = ("tasks", n)
            task_id = raw.get("id")
            if not isinstance(task_id, str) or not task_id.strip():
                self._fault(book, (*path, "id"), "a task has a text as its id", "playbook.id")
                continue
            if task_id in found:
                text = f"the task id {task_id!r} occurs more than once"
                self._fault(book, (*path, "id"), text, "plan.twice", task=task_id)
                continue
            found[task_id] = self._group(book, path, raw, values)
            if self.count > MAX_PLAN_TASKS:
                break
        self._way.pop()
        return found

    def _group(self, book: Playbook, path: Path, raw: dict[str, Any], values: Mapping[str, Any]) -> Group:
        when, holds = self._conditions(book, path, raw, values)
        otherwise = raw.get("otherwise", "skip")
        if otherwise not in OTHERWISE:
            text = f"otherwise is {otherwise!r}; use skip or continue"
            self._fault(book, (*path, "otherwise"), text, "playbook.otherwise", value=str(otherwise)[:100])
            otherwise = "skip"
        if not holds and not self.every:
            return Group(gone=otherwise)
        loop = self._read(LoopRule, book, (*path, "for_each"), raw.get("for_each"))
        task = _Task(book=book, path=path, raw=raw, when=when, otherwise=otherwise)
        if loop is None:
            return self._written(task, raw["id"], values)
        if bool(loop.parameter) == bool(loop.task):
            text = "for_each goes through a parameter or through what a task gave: name one of them"
            self._fault(book, (*path, "for_each"), text, "playbook.loop")
            return Group()
        if loop.task:
            return self._mapped(task, loop, values)
        return self._repeated(task, loop, values)

    def _repeated(self, task: "_Task", loop: LoopRule, values: Mapping[str, Any]) -> Group:
        """Once for each value of a list."""
        items = values.get(loop.parameter)
        if loop.parameter not in values or not isinstance(items, list | None):
            text = f"for_each goes through {loop.parameter!r}, which is no parameter that is a list"
            self._fault(task.book, (*task.path, "for_each"), text, "playbook.loop_list", value=loop.parameter)
            return Group()
        whole = Group(gone="" if items else task.otherwise)
        for n, item in enumerate(cast("list[Any]", items or []), start=1):
            part = self._written(task, f"{task.raw['id']}-{n}", {**values, loop.name: item})
            whole.pieces += part.pieces
            whole.ends += part.ends
            if self.count > MAX_PLAN_TASKS:
                break
        return whole

    def _mapped(self, task: "_Task", loop: LoopRule, values: Mapping[str, Any]) -> Group:
        """A run for each item of what an earlier task gives."""
        if "use" in task.raw:
            text = "for_each over what a task gave cannot use a playbook; put its tasks into run"
            self._fault(task.book, (*task.path, "use"), text, "playbook.loop_use")
            return Group()
        filling = Filling(values=values, item=loop.name)
        said = self._filled(task, filling)
        run: Any = said.pop("run", None)
        objective = str(said.get("objective", ""))
        kept = {name: said.pop(name) for name in ("budget_micros",) if name in said}
        if run is None:
            run = {"goal": objective or task.raw["id"], "plan": [{**said, "id": task.raw["id"]}]}
        needed = {name: getattr(loop, name) for name in ("concurrency", "on_failure")}
        items = {"task": loop.task, "path": loop.path}
        raw = {"objective": objective, **kept, "map": {"items": items, "run": run, **needed}}
        return self._piece(task, task.raw["id"], raw, values)

    def _written(self, task: "_Task", task_id: str, values: Mapping[str, Any]) -> Group:
        if "use" in task.raw:
            return self._used(task, task_id, values)
        filling = Filling(values=values)
        return self._piece(task, task_id, self._filled(task, filling), values)

    def _piece(self, task: "_Task", task_id: str, raw: dict[str, Any], values: Mapping[str, Any]) -> Group:
        self._counted(task)
        items: Any = raw["map"].get("items") if isinstance(raw.get("map"), dict) else None
        source = cast("dict[str, Any]", items).get("task") if isinstance(items, dict) else None
        piece = Piece(
            book=task.book,
            path=task.path,
            id=task_id,
            raw=raw,
            otherwise=task.otherwise,
            outer=self._needs(task, values),
            later=[*task.when],
            items=source if isinstance(source, str) else "",
        )
        return Group(pieces=[piece], ends=[task_id])

    def _used(self, task: "_Task", task_id: str, values: Mapping[str, Any]) -> Group:
        """The tasks of another playbook, under this task's id."""
        place, name = (*task.path, "use"), task.raw["use"]
        extra = [key for key in task.raw if key not in OWN]
        other = self.library.get(name) if isinstance(name, str) else None
        if extra:
            text = f"a task that uses a playbook has no {extra[0]}; what it does stands there"
            self._fault(task.book, (*task.path, extra[0]), text, "playbook.use_alone", field=extra[0])
            return Group()
        if other is None:
            text = f"there is no playbook {name!r}"
            self._fault(task.book, place, text, "playbook.no_use", value=str(name)[:100])
            return Group()
        if other.name in self._way or len(self._way) >= DEEPEST_USE:
            way = " → ".join([*self._way, other.name])
            kind = "in a circle" if other.name in self._way else f"in more than {DEEPEST_USE} levels"
            code = "playbook.circle" if other.name in self._way else "playbook.deep"
            self._fault(task.book, place, f"playbooks use each other {kind}: {way}", code, way=way)
            return Group()
        inner = self._values(task, other, values)
        if inner is None:
            return Group()
        pieces = joined(self.groups(other, inner), self.wrong)
        return _under(task, task_id, pieces, self._needs(task, values))

    def _values(self, task: "_Task", other: Playbook, values: Mapping[str, Any]) -> dict[str, Any] | None:
        filling = Filling(values=values)
        given = filling.fill(task.raw.get("with", {}), (*task.path, "with"))
        self._told(task.book, filling)
        if not isinstance(given, dict):
            self._fault(task.book, (*task.path, "with"), "with is a mapping of parameters", "playbook.with")
            return None
        found, wrong = resolved(other.version.parameters, cast("dict[str, Any]", given))
        for name, told in wrong:
            self._fault(task.book, (*task.path, "with", name), told.text, told.code, **told.values)
        if wrong:
            return sample(other.version.parameters) if self.every else None
        return found

    def _conditions(
        self, book: Playbook, path: Path, raw: dict[str, Any], values: Mapping[str, Any]
    ) -> tuple[list[dict[str, Any]], bool]:
        """Those that are for later, and whether all of the others hold."""
        given: Any = raw.get("when", [])
        rows = cast("list[Any]", given if isinstance(given, list) else [given])
        later, holds = list[dict[str, Any]](), True
        for n, row in enumerate(rows):
            place = (*path, "when", n) if isinstance(given, list) else (*path, "when")
            filling = Filling(values=values)
            one = self._read(ChoiceRule, book, place, filling.fill(row, place))
            self._told(book, filling)
            if one is None:
                continue
            if bool(one.parameter) == bool(one.task):
                text = "a condition is on a parameter or on what a task gave: name one of them"
                self._fault(book, place, text, "playbook.choice")
            elif one.task:
                later.append({"task": one.task, "path": one.path, "test": one.test, "value": one.value})
            elif one.parameter not in values:
                text = f"the condition is on {one.parameter!r}, which is no parameter"
                self._fault(book, place, text, "playbook.choice_name", value=one.parameter)
            elif one.test == "one_of" and not isinstance(cast("object", one.value), list):
                self._fault(book, place, "one_of takes a list", "playbook.choice_list")
            elif one.test in ("above", "below") and not isinstance(one.value, int | float):
                self._fault(book, place, f"{one.test} takes a number", "playbook.choice_number")
            else:
                wanted: Any = cast("object", one.value)
                holds &= passes(one.test, wanted, values[one.parameter])
        return later, holds

    def _filled(self, task: "_Task", filling: Filling) -> dict[str, Any]:
        said = {name: value for name, value in task.raw.items() if name not in OWN}
        if "with" in task.raw:
            self._fault(task.book, (*task.path, "with"), "with goes with use", "playbook.with_alone")
        filled: dict[str, Any] = filling.fill(said, task.path)
        self._told(task.book, filling)
        return filled

    def _needs(self, task: "_Task", values: Mapping[str, Any]) -> list[str]:
        filling = Filling(values=values)
        given = filling.fill(task.raw.get("needs", []), (*task.path, "needs"))
        self._told(task.book, filling)
        if isinstance(given, list) and all(isinstance(one, str) for one in cast("list[Any]", given)):
            return [*cast("list[str]", given)]
        self._fault(task.book, (*task.path, "needs"), "needs is a list of task ids", "playbook.needs")
        return []

    def _counted(self, task: "_Task") -> None:
        self.count += 1
        if self.count == MAX_PLAN_TASKS + 1:
            text = f"the plan would have more than {MAX_PLAN_TASKS} tasks"
            self._fault(task.book, task.path, text, "playbook.many", most=MAX_PLAN_TASKS)

    def _read(self, model: type[M], book: Playbook, path: Path, given: object) -> M | None:
        if given is None:
            return None
        try:
            return model.model_validate(given)
        except ValidationError as error:
            for row in error.errors():
                kind, values = kind_of(row)
                self._fault(book, (*path, *row["loc"]), words_of(row), f"field.{kind}", **values)
        return None

    def _told(self, book: Playbook, filling: Filling) -> None:
        for path, told in filling.wrong:
            self._fault(book, path, told.text, told.code, **told.values)
        filling.wrong.clear()

    def _fault(self, book: Playbook, path: Path, text: str, code: str, **values: object) -> None:
        self.wrong.append(book.fault(path, text, code, **values))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    book: Playbook
    path: Path
    raw: dict[str, Any]
    when: Sequence[dict[str, Any]]
    otherwise: str


def _under(task: _Task, task_id: str, pieces: list[Piece], needs: list[str]) -> Group:
    """With ids of their own, and the conditions and needs of the task that uses them. With a condition, each
    of them has it: one that waits for another would else be skipped for that."""
    needed = {need for piece in pieces for need in piece.needs}
    named = {piece.id: f"{task_id}.{piece.id}" for piece in pieces}
    ends = [named[piece.id] for piece in pieces if piece.id not in needed]
    for piece in pieces:
        first = not piece.needs
        piece.id = named[piece.id]
        piece.needs = [named.get(need, need) for need in piece.needs]
        piece.when = [{**one, "task": named.get(one["task"], one["task"])} for one in piece.when]
        rename_items(piece, named)
        if first or task.when:
            piece.outer = [*needs]
        if task.when:
            piece.later = [*task.when]
            piece.otherwise = task.otherwise if piece.otherwise == "skip" else piece.otherwise
    return Group(pieces=pieces, ends=ends, gone="" if pieces else task.otherwise)
