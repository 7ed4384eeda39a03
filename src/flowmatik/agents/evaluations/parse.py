"""Reads evaluation sets: every fault at once, with file, line and column."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from flowmatik.agents.evaluations.model import Case, Checks, EvaluationFile
from flowmatik.agents.profiles.faults import Path, Told
from flowmatik.agents.skills.calculator import calculated
from flowmatik.agents.strict_yaml import faults_at, invalid, read_strictly
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import NotFound, ToolInputInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """`hash` is of the content: scores of two sets with the same one can be compared."""

    file: EvaluationFile
    hash: str

    @property
    def name(self) -> str:
        return self.file.metadata.name


def parse_set(text: str, *, filename: str) -> EvaluationSet:
    """Raises ProfileInvalid."""
    file, node = read_strictly(text, filename, EvaluationFile)
    if rows := list(_rows(file)):
        raise invalid(filename, faults_at(filename, node, rows))
    content = file.model_dump(mode="json", by_alias=True)
    return EvaluationSet(file=file, hash=canonical.content_hash(content)[:12])


def shipped_set(agent: str) -> EvaluationSet:
    """Raises NotFound when none ships for the agent."""
    filename = f"{agent}.yaml"
    found = dict(shipped_sets())
    if filename not in found:
        known = ", ".join(sorted(name.removesuffix(".yaml") for name in found))
        raise NotFound(
            f"no evaluation set ships for the agent {agent!r}; give one with --set, or evaluate one of "
            f"{known}",
            code="not_found.evaluation_set",
            context={"agent": agent, "known": known},
        )
    return parse_set(found[filename], filename=filename)


def shipped_sets() -> list[tuple[str, str]]:
    """File name and text."""
    folder = resources.files("flowmatik.agents.evaluations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return [(file.name, file.read_text(encoding="utf-8")) for file in files]


def _rows(file: EvaluationFile) -> Iterator[tuple[Path, Told]]:
    """What the fields themselves do not say."""
    seen: set[str] = set()
    for n, case in enumerate(file.cases):
        at = ("cases", n)
        if case.name in seen:
            yield (*at, "name"), ("stands twice; give each case its own", "case_twice", {"value": case.name})
        seen.add(case.name)
        if case.checks == Checks():
            yield (*at, "checks"), ("is empty; say what a good answer is", "no_checks", {})
        yield from _check_rows(file, case, (*at, "checks"))


def _check_rows(file: EvaluationFile, case: Case, at: Path) -> Iterator[tuple[Path, Told]]:
    for n, name in enumerate(case.checks.cites):
        if name not in file.documents:
            known = ", ".join(sorted(file.documents)) or "none"
            told = f"there is no document {name!r} in this set; there is {known}"
            yield (*at, "cites", n), (told, "no_document", {"value": name, "known": known})
    for n, expression in enumerate(case.checks.arithmetic):
        try:
            calculated(expression)
        except ToolInputInvalid as error:
            said = {"code": error.code, "values": error.context, "text": error.message}
            told = f"cannot be calculated: {error.message}"
            yield (*at, "arithmetic", n), (told, "arithmetic", {"said": said})
    if case.checks.answer_schema is not None:
        from jsonschema import Draft202012Validator, SchemaError

        try:
            Draft202012Validator.check_schema(case.checks.answer_schema)
        except SchemaError as error:
            said = error.message[:200]
            yield (*at, "schema"), (f"not JSON Schema: {said}", "schema", {"said": said})
