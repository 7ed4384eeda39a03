"""Both languages say everything, with the same values filled in."""

import re
import string
from pathlib import Path

import pytest

from flowmatik.agents.catalogue import first_profiles
from flowmatik.agents.profiles import parse_profile
from flowmatik.agents.skills.citations import ENGLISH
from flowmatik.agents.templates.parse import shipped_templates
from flowmatik.app.texts import Texts, catalogue, load_texts
from flowmatik.contracts.approvals import ApprovalPolicy
from flowmatik.contracts.plans import PlanTask
from flowmatik.core.brain import plan as plans
from flowmatik.core.brain.plan_faults import refusal
from flowmatik.kernel.errors import NotFound, ProfileInvalid
from flowmatik.kernel.plugins import PluginRegistry

APP = Path(__file__).parents[3] / "src" / "flowmatik" / "app"
KINDS = APP.parent / "memory" / "source_kinds"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_spanish_and_english_have_the_same_keys_and_placeholders() -> None:
    english, spanish = load_texts("en"), load_texts("es")
    assert list(english) == list(spanish)
    assert {k: placeholders(v) for k, v in english.items()} == {
        k: placeholders(v) for k, v in spanish.items()
    }


def test_every_key_that_the_code_names_exists() -> None:
    keys = load_texts("en")
    code = "\n".join(path.read_text(encoding="utf-8") for path in APP.rglob("*.py"))
    called = set(re.findall(r'\b(?:text|say)\(\s*"([a-z_.]+)"', code))
    helped = set(re.findall(r'"(help\.[a-z_.]+[a-z])"', code))
    assert len(called) > 30
    assert len(helped) > 40
    assert sorted((called | helped) - set(keys)) == []


def test_every_help_text_is_used() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in APP.rglob("*.py"))
    helps = [key for key in load_texts("en") if key.startswith("help.")]
    assert [key for key in helps if f'"{key}"' not in code] == []


def test_a_code_is_said_by_the_first_text_whose_names_are_known() -> None:
    say = Texts("es")
    assert say.fault("config.no_home", {"home": "/h"}, "x").startswith("'/h' no es una instalación")
    assert "ninguna carpeta superior" in say.fault("config.no_home", {"start": "/h"}, "x")
    assert say.fault("nobody.knows", {"home": "/h"}, "as it was said") == "as it was said"


def test_a_code_of_somebody_elses_is_said_by_its_family_which_quotes_the_words() -> None:
    values = {"tool": "shelf", "seconds": 1e-05, "details": "a word"}
    assert (
        Texts("es").fault("tool.empty", values, "it is empty") == "la herramienta no ha podido: «it is empty»"
    )
    assert Texts("en").fault("tool.empty", values, "it is empty") == "it is empty"
    assert Texts("es").fault("tool.empty", {"said": "raw"}, "it is empty").endswith("«raw»")


def test_a_value_that_does_not_suit_the_text_does_not_break_it() -> None:
    odd = {"characters": "many", "limit": None}
    assert "el objetivo tiene many" in Texts("es").fault("input.goal", odd, "x")
    assert Texts("en").fault("input.goal", odd, "x").startswith("the goal is empty")


def test_amounts_are_read_without_an_exponent_and_faults_among_the_values_in_words() -> None:
    say = Texts("es")
    priced = {"model": "m/x", "price_usd": 1e-06, "left_usd": 0.0, "cap_usd": 0.5}
    assert say.fault("budget.exhausted", priced, "x") == (
        "la siguiente llamada a m/x puede costar 0.000001 dólares y del presupuesto de 0.5 quedan 0; "
        "da más presupuesto"
    )
    missing = {"place": "$.n", "code": "schema.required", "values": {"names": "n"}, "text": "'n' is required"}
    assert say.said("check.schema.fault", {"fault": missing}, "x").endswith("la forma acordada: $.n: falta n")
    wrong: dict[str, object] = {"code": "tool.sql.none", "values": {}, "text": "there are no tables"}
    assert "no hay tablas" in say.said("check.citation.not_computed", {"n": 1, "fault": wrong}, "x")


def test_a_refused_key_is_named_by_its_setting() -> None:
    say = Texts("en")
    assert "check FLOWMATIK_OPENAI_API_KEY and" in say.fault("model.key", {"model": "openai/gpt"}, "x")
    assert "check the key and" in say.fault("model.key", {"model": "elsewhere/model"}, "x")


def test_an_error_is_said_in_the_language_and_what_a_server_said_stands() -> None:
    error = NotFound("no agent", code="not_found.agent", context={"agent": "x", "known": "a, b"})
    assert Texts("es").error(error) == "no existe el agente 'x'; existen a, b"
    told = NotFound("no existe", code="not_found", context={"said_by": "server"})
    assert Texts("es").error(told) == "no existe"


def test_every_fault_of_a_profile_is_said_in_spanish_with_its_place() -> None:
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile("apiVersion: flowmatik/v1\nkind: Agent\nrole: 5\ntoolz: []\n", filename="p.yaml")
    lines = Texts("es").error(caught.value).splitlines()
    assert "p.yaml:3:1: role: debe ser texto, no 5" in lines
    assert "p.yaml:4:1: toolz: no es un campo; ¿querías decir tools?" in lines
    assert len(lines) == len(caught.value.message.splitlines())


def test_everything_that_the_verifier_says_has_its_text() -> None:
    names = {key.removeprefix("check."): placeholders(text) for key, text in load_texts("es").items()}
    for code, english in ENGLISH.items():
        assert names[code] <= placeholders(english) | {"n", "count", "marks", "citations"}, code


def test_the_summaries_of_the_shipped_agents_are_those_of_their_profiles() -> None:
    english = load_texts("en")
    for name, text in first_profiles():
        agent = parse_profile(text, filename=name)
        assert english[f"shipped.agent.{agent.name}"] == agent.summary


def test_what_ships_says_what_it_is_in_spanish_and_what_others_wrote_stays() -> None:
    templates = [one.described(shipped=True) for one in shipped_templates()]
    said = [text for one in templates for text in (one.summary, *(each.summary for each in one.parameters))]
    said += [one.summary for one in PluginRegistry(KINDS, "flowmatik.memory.source_kinds").manifests()]
    english, spanish = catalogue("en"), catalogue("es")
    assert [one for one in said if one and (spanish.shipped(one) == one or english.shipped(one) != one)] == []
    assert spanish.shipped("A folder of mine") == "A folder of mine"


@pytest.mark.parametrize(("count", "said"), [(0, "0 preguntas"), (1, "1 pregunta"), (2, "2 preguntas")])
def test_a_number_has_its_noun_in_the_right_form(count: int, said: str) -> None:
    counts = {"questions": count, "documents": 0, "tables": 0}
    assert Texts("es").said("plan.questions", counts, "").startswith(f"{said}: ")


def test_no_text_leaves_the_form_of_a_noun_to_the_reader() -> None:
    assert [key for lang in ("en", "es") for key, text in load_texts(lang).items() if "(s)" in text] == []


def test_what_is_wrong_with_an_approval_is_said_in_the_language_throughout() -> None:
    task = PlanTask(id="t", objective="", tool="look", approval=ApprovalPolicy(approvers=("a",), quorum=2))
    error = refusal(plans.faults((task,), (), frozenset({"look"})))
    said = Texts("es").error(error)
    assert "quorum es 2, y se nombra 1 persona" in said
    assert "approvers are" not in said
    assert "quorum is 2, and 1 approver is named" in Texts("en").error(error)


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_help_text_has_square_brackets_which_the_terminal_takes_for_markup(language: str) -> None:
    assert [
        key for key, text in load_texts(language).items() if key.startswith("help.") and "[" in text
    ] == []


def test_whatever_a_probe_says_of_itself_is_said_in_both_languages() -> None:
    written = "".join(path.read_text() for path in (APP.parent / "integrations" / "probing").glob("*.py"))
    said = set(re.findall(r'"(it(?:s answer)? [a-z ]+|the arguments of [a-z ]+)"', written))
    known = load_texts("es")
    assert said
    assert {f"models.why.{one.replace(' ', '_')}" for one in said} <= {*known}
