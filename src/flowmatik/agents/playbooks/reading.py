"""Reads a playbook: its YAML, and whatever can be said of it without its parameters. Every fault is reported
at once, as `file:line:column: field: what to do`."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import yaml
from pydantic import ValidationError

from flowmatik.agents.playbooks.model import PlaybookFile
from flowmatik.agents.playbooks.parameters import parameter_faults
from flowmatik.agents.playbooks.patterns import pattern_fault
from flowmatik.agents.profiles.faults import Fault, PlanLoader, fault_at, structure_faults
from flowmatik.contracts.plans import MAX_PLAN_BYTES
from flowmatik.contracts.playbooks import PlaybookVersion
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import PlanInvalid
from flowmatik.kernel.fields import kind_of, words_of

Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """`node` knows where everything stands in `filename`."""

    file: PlaybookFile
    version: PlaybookVersion
    filename: str
    node: yaml.Node | None

    @property
    def name(self) -> str:
        return self.version.name

    def fault(self, path: Path, text: str, code: str, **values: object) -> Fault:
        """Of what stands at `path`."""
        found = fault_at(self.filename, self.node, path, ("", "", {}))
        field = ".".join(map(str, path))
        return Fault(place=f"{found.place}: {field}", text=text, code=code, values=values)


def parse_playbook(text: str, *, filename: str) -> Playbook:
    """Raises PlanInvalid with every fault. What depends on parameters, agents and other playbooks is said
    when it is compiled."""
    if len(text.encode("utf-8", "replace")) > MAX_PLAN_BYTES:
        told = f"larger than {MAX_PLAN_BYTES:,} bytes; put long material in documents"
        raise refused([_at_start(filename, told, "plan.bytes", most=f"{MAX_PLAN_BYTES:,}")])
    node, loaded = _yaml(text, filename)
    if not isinstance(loaded, dict):
        told = "a playbook is a mapping that begins with apiVersion"
        raise refused([_at_start(filename, told, "playbook.no_mapping")])
    try:
        file = PlaybookFile.model_validate(loaded)
    except ValidationError as error:
        raise refused(list(_field_faults(filename, node, error))) from error
    book = Playbook(file=file, version=_version(file), filename=filename, node=node)
    found = [*_parameter_faults(book), *_pattern_faults(book)]
    if found:
        raise refused(found)
    return book


def refused(faults: Sequence[Fault]) -> PlanInvalid:
    lines = [fault.line() for fault in faults]
    details = [asdict(fault) for fault in faults]
    return PlanInvalid("\n".join(lines), code="input.playbook_file",
                       context={"faults": lines, "details": details})  # fmt: skip


def _at_start(filename: str, text: str, code: str, **values: object) -> Fault:
    return Fault(place=f"{filename}:1:1", text=text, code=code, values=values)


def _yaml(text: str, filename: str) -> tuple[yaml.Node | None, object]:
    try:
        node = cast("Any", yaml).compose(text, Loader=PlanLoader)
        if node is None:
            return None, None
        if faults := structure_faults(filename, node):
            raise refused(faults)
        return node, cast("Any", PlanLoader("")).construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        said = str(error.problem)
        told = Fault(
            place=f"{filename}:{line}:{column}",
            text=f"not YAML: {said}",
            code="plan.not_yaml",
            values={"said": said},
        )
        raise refused([told]) from error
    except (yaml.YAMLError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())[:200]
        raise refused([_at_start(filename, f"not YAML: {said}", "plan.not_yaml", said=said)]) from error
    except RecursionError as error:
        raise refused([_at_start(filename, "nested too deeply; write it flatter", "plan.deep")]) from error


def _field_faults(filename: str, node: yaml.Node | None, error: ValidationError) -> Iterator[Fault]:
    for row in error.errors():
        loc = tuple(part for part in row["loc"] if part != "[key]")
        at = fault_at(filename, node, loc, ("", "", {})).place
        kind, values = kind_of(row)
        field = ".".join(map(str, loc))
        yield Fault(
            place=f"{at}: {field}" if field else at, text=words_of(row), code=f"field.{kind}", values=values
        )


def _version(file: PlaybookFile) -> PlaybookVersion:
    content = file.model_dump(mode="json")
    return PlaybookVersion(
        name=file.metadata.name,
        version=canonical.content_hash(content)[:12],
        summary=file.summary,
        goal=file.goal,
        examples=tuple(file.goals.examples),
        patterns=tuple(file.goals.patterns),
        parameters=tuple(rule.parameter(name) for name, rule in file.parameters.items()),
        tasks=len(file.tasks),
    )


def _parameter_faults(book: Playbook) -> Iterator[Fault]:
    for parameter in book.version.parameters:
        for field, told in parameter_faults(parameter):
            yield book.fault(("parameters", parameter.name, *field), told.text, told.code, **told.values)


def _pattern_faults(book: Playbook) -> Iterator[Fault]:
    names = {parameter.name for parameter in book.version.parameters}
    for n, pattern in enumerate(book.version.patterns):
        if (told := pattern_fault(pattern, names)) is not None:
            yield book.fault(("goals", "patterns", n), told.text, told.code, **told.values)
