"""Whatever the program raises or records for people has a text, whose names it fills in."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from flowmatik.agents.profiles.faults import FORMS
from flowmatik.app.setting_values import SETTINGS
from flowmatik.app.texts import LANGUAGES, VARIANTS, load_texts
from flowmatik.kernel import errors
from flowmatik.kernel.fields import KINDS, OTHER
from tests.unit.house.repository import SOURCE, python_files
from tests.unit.house.test_texts import placeholders

CLASSES = {
    name: kind.default_code
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.FlowmatikError)
}
FACTS = {"failed": {"tool", "model"}, "in_doubt": {"tool"}}  # `core.engine.outcomes`: call, code, words
FAMILIES = {code.partition(".")[0] for code in CLASSES.values()} | {
    "agent", "call", "document", "rate", "route", "run", "task", "verify",
}  # fmt: skip
CODE = re.compile(rf"(?:{'|'.join(sorted(FAMILIES))})(?:\.[a-z_]+)+")
OTHERWISE = {"input.usage", "model.safetensors", "config.json", "engine.lock"}  # `usage.…` texts, and files
# Told as a form or by its known fields, or of no field that a file of agents has.
NOT_OF_PROFILES = {
    "extra_forbidden", "string_pattern_mismatch", "json_invalid", "model_attributes_type",
    "decimal_type", "decimal_parsing", "decimal_max_digits", "decimal_max_places",
}  # fmt: skip
ADDED = {"key_setting"}  # by `Texts`, from the name of a model


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A code as the source gives it, and the names of its values; None when they are put together
    elsewhere."""

    place: str
    code: str
    names: frozenset[str] | None


def literal(node: ast.expr | None) -> str | None:
    if isinstance(node, ast.Name):
        return constants().get(node.id)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@cache
def trees() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in python_files()}


@cache
def constants() -> dict[str, str]:
    """Texts that a module keeps under a name."""
    return {
        target.id: node.value.value
        for tree in trees().values()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def called(node: ast.Call) -> str:
    function = node.func
    return function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")


def keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in node.keywords if one.arg == name), None)


def names_of(context: ast.expr | None) -> frozenset[str] | None:
    if context is None:
        return frozenset()
    if not isinstance(context, ast.Dict):
        return None
    names = [literal(key) for key in context.keys]
    known = frozenset(name for name in names if name is not None)
    return known if len(known) == len(names) else None


def calls(tree: ast.Module, name: str) -> list[ast.Call]:
    return calls_in(tree).get(name, [])


@cache
def calls_in(tree: ast.Module) -> dict[str, list[ast.Call]]:
    found: dict[str, list[ast.Call]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            found.setdefault(called(node), []).append(node)
    return found


def built(tree: ast.Module, code: ast.JoinedStr) -> list[str]:
    """The codes of `f"prefix.{parameter}"`, from the calls of the function that it stands in."""
    prefix, hole = code.values
    assert isinstance(hole, ast.FormattedValue)
    if not isinstance(hole.value, ast.Name):
        return []
    around = next(
        function
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and any(node is code for node in ast.walk(function))
    )
    parameters = [argument.arg for argument in around.args.args]
    if hole.value.id not in parameters:
        return []
    position = parameters.index(hole.value.id)
    found = [
        literal(call.args[position] if len(call.args) > position else keyword(call, hole.value.id))
        for call in calls(tree, around.name)
    ]
    return [f"{literal(prefix)}{one}" for one in found if one is not None]


def errors_said() -> Iterator[Said]:
    for path, tree in trees().items():
        for name, default in CLASSES.items():
            for node in calls(tree, name):
                place = f"{path.relative_to(SOURCE)}:{node.lineno}"
                given, names = keyword(node, "code"), names_of(keyword(node, "context"))
                if isinstance(given, ast.JoinedStr):
                    yield from (Said(place=place, code=code, names=None) for code in built(tree, given))
                elif given is None:
                    yield Said(place=place, code=default, names=names)
                elif (code := literal(given)) is not None:
                    yield Said(place=place, code=code, names=names)


def facts_said() -> Iterator[Said]:
    for path, tree in trees().items():
        for name, kinds in FACTS.items():
            for node in calls(tree, name):
                code = literal(node.args[1])
                names = {one.arg for one in node.keywords if one.arg} | kinds
                if code is not None:
                    place = f"{path.relative_to(SOURCE)}:{node.lineno}"
                    yield Said(place=place, code=code, names=frozenset(names))


def variants(key: str, language: str) -> list[set[str]]:
    entries = load_texts(language)
    return [placeholders(entries[key + one]) for one in VARIANTS if key + one in entries]


def is_told(said: Said, language: str) -> bool:
    if said.names is not None and {"said_by", "details"} & said.names:
        return True  # in words already, or fault by fault
    found = variants(f"fault.{said.code}", language)
    if said.names is None:
        return bool(found) or f"details.{said.code}" in load_texts(language)
    return any(names <= said.names | ADDED for names in found)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_error_that_is_raised_has_a_text_and_gives_what_the_text_names(language: str) -> None:
    found = list(errors_said())
    assert len(found) > 150
    assert [said for said in found if not is_told(said, language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_end_of_a_call_has_a_text_and_gives_what_the_text_names(language: str) -> None:
    found = list(facts_said())
    assert len(found) > 10
    assert [said for said in found if not is_told(said, language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_in_the_source_that_looks_like_a_code_is_one_with_a_text(language: str) -> None:
    entries = load_texts(language)
    settings = {setting.key for setting in SETTINGS}
    strange: list[str] = []
    for path, tree in trees().items():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
                continue
            word = node.value
            known = {f"fault.{word}", f"details.{word}", f"detail.{word}", word} & entries.keys()
            if CODE.fullmatch(word) and not known and word not in settings | OTHERWISE:
                strange.append(f"{path.relative_to(SOURCE)}:{node.lineno}: {word}")
    assert strange == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_error_of_somebody_elses_is_quoted_by_the_text_of_its_family(language: str) -> None:
    families = {code.partition(".")[0] for code in CLASSES.values()} - {"internal", "budget"}
    assert {family: variants(f"family.{family}", language) for family in families} == {
        family: [{"said"}] for family in families
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_fault_of_a_field_has_a_text_with_its_limits(language: str) -> None:
    kinds = {**KINDS, OTHER: ("said",)}
    assert {kind: variants(f"detail.field.{kind}", language) for kind in kinds} == {
        kind: [set(limits)] for kind, limits in kinds.items()
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_fault_of_a_profile_and_every_form_of_its_fields_has_a_text(language: str) -> None:
    codes = [*(KINDS.keys() - NOT_OF_PROFILES), OTHER, *(f"form.{name}" for name in FORMS)]
    assert [one for one in codes if f"detail.profile.{one}" not in load_texts(language)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_wrong_with_settings_plans_and_profiles_has_a_text(language: str) -> None:
    entries = load_texts(language)
    missing: list[str] = []
    for tree in trees().values():
        for node in calls(tree, "Wrong"):
            missing += [f"detail.setting.{code}" for code in [literal(node.args[1])] if code]
        for node in (*calls(tree, "Fault"), *calls(tree, "SchemaFault")):
            given = keyword(node, "code")
            if isinstance(given, ast.JoinedStr):
                missing += [f"detail.{code}" for code in built(tree, given)]
            elif (code := literal(given)) is not None:
                missing.append(f"detail.{code}" if "." in code else f"detail.setting.{code}")
    assert len(missing) > 25
    assert sorted(set(missing) - entries.keys()) == []
