"""The repository as the house rules see it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "src" / "flowmatik"
EXAMPLES = ROOT / "examples"
TEXT_SUFFIXES = {".py", ".toml", ".json", ".yaml", ".yml", ".sql", ".md", ".txt", ".html", ".j2"}


def python_files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def source_texts() -> list[Path]:
    """Every text file of the program, whatever its kind."""
    return sorted(p for p in SOURCE.rglob("*") if p.is_file() and p.suffix in TEXT_SUFFIXES)


def modules() -> list[Path]:
    return sorted(p for p in SOURCE.iterdir() if p.is_dir() and any(p.rglob("*.py")))


def documents() -> list[Path]:
    """The pages that people read in the repository."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *SOURCE.rglob("README.md")]
    pages += [*EXAMPLES.glob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    return sorted(pages)


def fences(page: str, *languages: str) -> list[str]:
    """The fenced code of a Markdown page in any of the languages, in order."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return [code for language, code in found if language in languages]


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
