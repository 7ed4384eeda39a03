"""Playbooks: what they become, for which goals they are, and every fault with its line."""

import re
import time
from typing import Any

import pytest

from flowmatik.agents.playbooks import parse_playbook
from flowmatik.agents.playbooks.compiling import Compiled, compiled
from flowmatik.agents.playbooks.patterns import best_match
from flowmatik.app.playbook_check import checked, shipped_forms
from flowmatik.kernel.errors import PlanInvalid

HEAD = "apiVersion: flowmatik/v1\nkind: Playbook\nmetadata: {{name: {name}}}\nsummary: Something\n"
REPORT = (
    HEAD.format(name="report")
    + """goal: Report on ${site}
goals:
  examples: [What is new]
  patterns: ["report on {site} with {topics}", "report on {site}"]
parameters:
  site: {required: true, enum: [Cork, Zaragoza]}
  deep: {type: boolean, default: false}
  topics: {type: list, default: [holidays, shifts]}
tasks:
  - id: each
    for_each: {parameter: topics, as: topic}
    objective: What are the ${topic} in ${site}?
    skill: documents
  - id: more
    when: {parameter: deep}
    otherwise: continue
    objective: Everything on ${site}
    skill: documents
  - id: rules
    needs: [each]
    use: lookup
    with: {query: "${site} rules"}
  - id: answer
    skill: writing
    needs: [each, more, rules]
"""
)
LOOKUP = (
    HEAD.format(name="lookup")
    + """parameters:
  query: {required: true}
tasks:
  - id: search
    tool: memory_search
    arguments: {query: "${query}", limit: 3}
  - id: look
    for_each: {task: search, path: passages, as: hit}
    needs: [search]
    tool: memory_search
    arguments: {query: "${hit.title}"}
  - id: sum
    needs: [search]
    when: [{task: search, path: passages, test: exists}]
    objective: Sum it up
    skill: documents
"""
)


def made(text: str, given: dict[str, Any], *others: str) -> Compiled:
    book = parse_playbook(text, filename="book.yaml")
    library = {one.name: one for one in (parse_playbook(o, filename="other.yaml") for o in others)}
    return compiled(book, given, {**library, book.name: book}, shipped_forms())


def refused(text: str, given: dict[str, Any], *others: str) -> list[str]:
    with pytest.raises(PlanInvalid) as caught:
        made(text, given, *others)
    return caught.value.message.split("\n")


def test_loops_conditions_and_sub_plans_become_tasks() -> None:
    plan = made(REPORT, {"site": "Cork"}, LOOKUP)
    tasks = {task.id: task for task in plan.tasks}
    assert list(tasks) == ["each-1", "each-2", "rules.search", "rules.look", "rules.sum", "answer"]
    assert plan.goal == "Report on Cork"
    assert tasks["each-1"].objective == "What are the holidays in Cork?"
    assert tasks["rules.search"].needs == ("each-1", "each-2")
    assert tasks["rules.search"].arguments == {"query": "Cork rules", "limit": 3}
    assert tasks["answer"].needs == ("each-1", "each-2", "rules.look", "rules.sum")
    look = tasks["rules.look"].map
    assert look is not None
    assert look.items == {"task": "rules.search", "path": "passages"}
    assert look.run.plan[0].arguments == {"query": {"$item": "title"}}
    assert tasks["rules.sum"].when[0].task == "rules.search"
    assert "more" in {task.id for task in made(REPORT, {"site": "Cork", "deep": True}, LOOKUP).tasks}


def test_what_needs_a_task_that_fell_away_falls_away_unless_it_may_go_on() -> None:
    skipped = REPORT.replace("    otherwise: continue\n", "")
    assert [task.id for task in made(skipped, {"site": "Cork"}, LOOKUP).tasks][-1] == "rules.sum"
    assert "nothing is left" in refused(
        HEAD.format(name="p") + "parameters: {full: {type: boolean, default: false}}\n"
        "tasks:\n  - {id: a, when: {parameter: full}, objective: x, skill: documents}\n", {},
    )[0]  # fmt: skip


@pytest.mark.parametrize(
    ("goal", "values"),
    [
        ("Report on Zaragoza", {"site": "Zaragoza"}),
        ("¡REPORT   on córk!", {"site": "Cork"}),
        ("report on Cork with pay, tools and holidays?",
         {"site": "Cork", "topics": ["pay", "tools", "holidays"]}),
        ("report on Paris", None),
        ("please report on Cork", None),
        ("What is new?", None),  # nothing says for which site
    ],
)  # fmt: skip
def test_a_goal_that_fits_a_pattern_fills_the_parameters(goal: str, values: object) -> None:
    match = best_match(goal, [parse_playbook(REPORT, filename="book.yaml").version])
    assert (match.values if match else None) == values


def test_no_pattern_and_no_goal_take_long_to_compare() -> None:
    names = "\n".join(f"  p{n}: {{}}" for n in range(20))
    pattern = " a ".join(f"{{p{n}}}" for n in range(20))
    text = HEAD.format(name="slow") + f"goals: {{patterns: ['go to {pattern} end']}}\nparameters:\n{names}\n"
    book = parse_playbook(text + "tasks: [{id: a, objective: x, skill: documents}]\n", filename="b.yaml")
    start = time.perf_counter()
    assert best_match("go to " + "x a " * 450, [book.version]) is None
    assert time.perf_counter() - start < 0.5


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("deep: {type: boolean", "deep: {type: bool", "parameters.deep.type", "Input should"),
        ('report on {site}"]', 'report on {sit}"]', "goals.patterns.1", "no parameter"),
        ("${topic} in", "${topc} in", "tasks.0.objective", "there is site, deep, topics, topic"),
        ('{query: "', '{qery: "', "tasks.2.with.qery", "did you mean 'query'"),
        ("use: lookup", "use: report", "tasks.2.use", "report → report"),
        ("use: lookup", "use: lokup", "tasks.2.use", "no playbook 'lokup'"),
        ("id: more", "id: each # again", "tasks.1.id", "more than once"),
        ("as: topic}", "as: topic, ass: 1}", "tasks.0.for_each.ass", "Extra inputs"),
        ("{parameter: topics,", "{parameter: site,", "tasks.0.for_each", "no parameter that is a list"),
        ("skill: writing", "skill: writing\n    bugdet_micros: 1", "tasks.3.bugdet_micros", "Extra inputs"),
    ],
)
def test_every_fault_has_its_line(old: str, new: str, field: str, words: str) -> None:
    assert old in REPORT
    text = REPORT.replace(old, new)
    line = text[: text.index(new) + new.rfind("\n") + 1].count("\n") + 1
    told = refused(text, {"site": "Cork"}, LOOKUP)
    assert any(re.match(rf"book.yaml:{line}:\d+: {field}: ", one) and words in one for one in told), told


async def test_what_the_engine_would_refuse_has_its_line_and_files_may_use_each_other() -> None:
    found = await checked([("r.yaml", REPORT), ("l.yaml", LOOKUP)])
    assert [one.name for one in found] == ["report", "lookup"]
    wrong = REPORT.replace("skill: writing", "skill: painting").replace("[each, more, rules]", "[each, gone]")
    with pytest.raises(PlanInvalid) as caught:
        await checked([("r.yaml", wrong), ("l.yaml", LOOKUP)])
    told = caught.value.message.split("\n")
    assert all(one.startswith("r.yaml:") for one in told)
    assert {"tasks.3.needs:", "tasks.3.skill:"} <= {one.split()[1] for one in told}


def test_parameters_are_what_they_are_declared_to_be() -> None:
    told = refused(REPORT, {"site": "Paris", "deep": 1, "topicz": []}, LOOKUP)
    assert [one.partition(":")[0] for one in told] == ["topicz", "site", "deep"]
    assert "missing" in refused(REPORT, {}, LOOKUP)[0]


def test_a_circle_names_its_way_and_a_plan_has_an_end() -> None:
    other = LOOKUP + "  - {id: again, use: report, with: {site: Cork}}\n"
    assert "report → lookup → report" in "\n".join(refused(REPORT, {"site": "Cork"}, other))
    many = {"site": "Cork", "topics": [str(n) for n in range(500)]}
    assert any("more than 500 tasks" in one for one in refused(REPORT, many, LOOKUP))
