"""A made-up corpus of any size: the handbook's own sentences, shuffled by a seed, in new files."""

import random
import re
from pathlib import Path

HANDBOOK = Path(__file__).resolve().parents[2] / "examples" / "handbook"
PAGE_CHARACTERS = 3000  # what a printed page holds
SECTIONS = 6
SEED = 7


def handbook_files() -> list[Path]:
    return sorted(path for path in HANDBOOK.iterdir() if path.is_file())


def sentences(language_files: str) -> list[str]:
    """The prose sentences of the handbook's Markdown files that match a glob."""
    found: list[str] = []
    for path in sorted(HANDBOOK.glob(language_files)):
        lines = [
            line for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] not in "#|-<>"
        ]
        found.extend(s.strip() for s in re.split(r"(?<=[.!?])\s+", " ".join(lines)) if len(s) > 30)
    return found


def generate(folder: Path, documents: int) -> None:
    """Markdown, HTML and plain text by turns, about two pages each."""
    pool = sentences("*.md")
    chooser = random.Random(SEED)
    for number in range(documents):
        sections = [
            (f"Section {number}.{part}", " ".join(chooser.sample(pool, 10))) for part in range(SECTIONS)
        ]
        kind = ("md", "html", "txt")[number % 3]
        text = {"md": _markdown, "html": _html, "txt": _text}[kind](f"Document {number}", sections)
        (folder / f"document-{number:05}.{kind}").write_text(text, encoding="utf-8")


def _markdown(title: str, sections: list[tuple[str, str]]) -> str:
    return f"# {title}\n\n" + "\n\n".join(f"## {heading}\n\n{body}" for heading, body in sections) + "\n"


def _html(title: str, sections: list[tuple[str, str]]) -> str:
    parts = "".join(f"<h2>{heading}</h2><p>{body}</p>" for heading, body in sections)
    return (
        f"<!doctype html><html><head><title>{title}</title></head><body><h1>{title}</h1>{parts}</body></html>"
    )


def _text(title: str, sections: list[tuple[str, str]]) -> str:
    return f"{title}\n\n" + "\n\n".join(f"{heading}\n\n{body}" for heading, body in sections) + "\n"
