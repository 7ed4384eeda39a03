"""Record golden histories: `golden_histories.py`, from the repository's root.

Writes tests/data/histories/v<N>/<story>.ndjson of the newest decision version from what the code does today.
Those of older versions stand: what was recorded then is what must still be decided, and a story that would be
recorded otherwise is a change of an old version. Files that are missing are made for any version.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "data" / "histories"
sys.path[:0] = [str(ROOT), str(ROOT / "src")]


def record(folder: Path) -> list[str]:
    """What was written; raises ValueError, with nothing written, when an older history would change."""
    from flowmatik.core.events import DECISION_VERSION
    from tests.histories.stories import STORIES, lines

    texts = {
        folder / f"v{version}" / f"{story.__name__}.ndjson": "\n".join(lines(version, story)) + "\n"
        for story, versions in STORIES.items()
        for version in versions
    }
    changed = {
        path for path, text in texts.items() if not path.exists() or told(path.read_text()) != told(text)
    }
    newest = folder / f"v{DECISION_VERSION}"
    older = sorted(
        str(path.relative_to(folder)) for path in changed if path.exists() and path.parent != newest
    )
    if older:
        raise ValueError(
            f"these histories of older decision versions would change: {', '.join(older)}. Gate the change "
            "by a new decision version, or tell a new story"
        )
    for path in sorted(changed):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[path])
    return sorted(str(path.relative_to(folder)) for path in changed)


def told(text: str) -> list[object]:
    """What a history says, whatever fields its events did not have then."""
    from flowmatik.core.events import decode
    from flowmatik.core.journal.port import StoredEvent
    from flowmatik.kernel import canonical

    rows = [canonical.loads(line) for line in text.splitlines()]
    if not all({"seq", "type", "payload"} <= row.keys() for row in rows):
        return [text]  # no history
    return [
        decode(StoredEvent(seq=row["seq"], type=row["type"], payload=canonical.dumps(row["payload"]), at=""))
        for row in rows
    ]


def main() -> int:
    try:
        written = record(FOLDER)
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{name}\n" for name in written) or "nothing has changed\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
