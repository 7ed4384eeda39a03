"""Routing: how well the router's classifier tells tasks apart, and what a decision costs.

    python -m benchmarks routing [--quick] [--json] [--case clinc|few|own|deciding] [--data FOLDER]

`clinc` and `few` are CLINC150, with all examples and with ten of each class (five seeds), `few_named` with
the classes' names as examples, too; `own` is the bilingual set of the examples, and each of its languages;
`deciding` is a decision among 1,000 agents. `--quick` takes 30 of the 150 classes and two seeds, which makes
the task easier.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.report import write_section
from benchmarks.routing.clinc import Clinc, clinc
from benchmarks.routing.deciding import milliseconds
from benchmarks.routing.own import figures_of_own_set
from benchmarks.routing.telling import Told

ABOUT = """
CLINC150, 150 intents: 15,000 questions to learn from, 4,500 to be measured by, 1,000 from out of scope, of
which nothing is learned from. The classifier is the router's own, over all-MiniLM-L6-v2, words and character
n-grams; with up to 2,000 examples (all cases but `clinc`) the model's last three layers are tuned to them,
too. The threshold is the 5th percentile of in-scope validation questions: `accepted` is the
in-scope recall at it, `right` what of that has the right intent, too, `refused` the out-of-scope recall.
Published, BERT fine-tuned with a threshold: 96.2 accuracy, 52.3 out-of-scope recall. Similarity routers on
the same embeddings: 85.8 to 88.0 accuracy; a logistic head over embeddings and character TF-IDF: 96.2, with
93.0 right and 89.1 refused, and 91.4 accuracy with ten examples of each intent.
What parts the confidence is made of was first chosen with looks at this test set; nothing was fitted to it.
What was changed since (maxima of the layers beside their means, the heads' weights, how layers are tuned) was
chosen on training and validation questions alone.
`own` is the bilingual set of the examples: 144 questions to learn from, 120 to be measured by, 60 from
outside, which nothing was chosen by.
"""
CASES = ("deciding", "own", "few", "clinc")
GOALS = {
    "clinc": "accepted ≥ 95 and refused ≥ 90",
    "few": "accuracy ≥ 93",
    "few_named": "accuracy ≥ 93",
    "deciding": "≤ 5 ms",
}
AGENTS, DECISIONS = 1000, 200


async def measured(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    wanted = [options.case] if options.case else list(CASES)
    found: dict[str, dict[str, float]] = {}
    if "deciding" in wanted:
        found["deciding"] = {"ms": milliseconds(AGENTS, DECISIONS)}
    if "own" in wanted:
        found |= {case: _percent(told) for case, told in (await figures_of_own_set()).items()}
    if {"few", "clinc"} & set(wanted):
        data = await clinc(options.data / "clinc150", intents=30 if options.quick else None)
        if "few" in wanted:
            for case, named in (("few", False), ("few_named", True)):
                found[case] = await _few(data, 2 if options.quick else 5, named=named)
        if "clinc" in wanted:
            found["clinc"] = _percent(await data.full())
    return found


async def _few(data: Clinc, seeds: int, *, named: bool) -> dict[str, float]:
    rounds = [_percent(await data.few(seed, named=named)) for seed in range(seeds)]
    return {name: statistics.mean(one[name] for one in rounds) for name in rounds[0]}


def _percent(told: Told) -> dict[str, float]:
    return {name: 100 * value for name, value in asdict(told).items()}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks routing", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--case", choices=CASES)
    named = os.environ.get("FLOWMATIK_TEST_DATA", "")
    default = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=default)
    options = parser.parse_args(arguments)
    if options.case not in ("own", "deciding") and not (options.data / "clinc150").is_dir():
        sys.stderr.write(f"no CLINC150 under {options.data}; name its folder with --data\n")
        return 2
    found = asyncio.run(measured(options))
    rows: list[str] = []
    for case, figures in found.items():
        if options.json:
            for name, value in figures.items():
                unit = "ms" if name == "ms" else "%"
                line = {
                    "bench": "routing",
                    "case": f"{case}.{name}",
                    "n": 1,
                    "ours": round(value, 2),
                    "unit": unit,
                }
                sys.stdout.write(json.dumps({**line, "peers": {}}) + "\n")
        goal = GOALS.get(case, "")
        shown = ", ".join(f"{name} {value:.1f}" for name, value in figures.items())
        rows.append(f"| {case} | {shown} | {goal} |")
        if not options.json:
            sys.stdout.write(f"{case}: {shown}\n")
    if not options.quick and not options.case:
        table = "\n".join(["| Case | Figures | Goal |", "|---|---|---|", *rows])
        write_section("routing", "Routing", "\n\n".join((ABOUT.strip(), describe(), table)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
