"""Which runs this program may decide: those begun by a version of the decision logic that it still has."""

from collections.abc import Mapping

from flowmatik.core import events as ev
from flowmatik.core.journal.port import Journal
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import ConfigurationError, Conflict

PAGE = 500
MOST_NAMED = 20


def is_decided_here(version: int) -> bool:
    return ev.OLDEST_DECISION_VERSION <= version <= ev.DECISION_VERSION


def version_in(created: str) -> int:
    """The version in the payload of a RunCreated; this program's own for a payload that cannot be read,
    which is another matter (`salvage`)."""
    try:
        version = canonical.loads(created).get("decision_version", ev.DECISION_VERSION)
    except (ValueError, AttributeError):
        return ev.DECISION_VERSION
    return version if isinstance(version, int) else ev.DECISION_VERSION


async def version_of(journal: Journal, run_id: str) -> int:
    first = await journal.read(run_id, limit=1)
    return version_in(first[0].payload) if first else ev.DECISION_VERSION


async def refuse_foreign(journal: Journal) -> None:
    """Raises ConfigurationError, which names them, when runs that have not ended are not for this
    program to decide. Reads the beginning of every unfinished run."""
    found: dict[str, int] = {}
    after = ""
    while page := await journal.unfinished(after=after, limit=PAGE):
        after = page[-1][0]
        versions = {run_id: version_in(created) for run_id, created in page}
        found |= {run_id: v for run_id, v in versions.items() if not is_decided_here(v)}
    if found:
        raise _foreign(found)


def not_decided_here(run_id: str, version: int) -> Conflict:
    return Conflict(
        f"run {run_id} was begun by decision version {version}; this Flowmatik knows {_known()}. Continue "
        "it with the version that began it, or cancel it",
        code="conflict.decision_version",
        context={"run_id": run_id, "version": version, "known": _known()},
    )


def _foreign(found: Mapping[str, int]) -> ConfigurationError:
    named = [f"{run_id} ({version})" for run_id, version in sorted(found.items())[:MOST_NAMED]]
    runs = ", ".join(named) + (", …" if len(found) > MOST_NAMED else "")
    return ConfigurationError(
        f"{len(found)} unfinished run(s) were begun by decision versions that this Flowmatik does not know "
        f"(it knows {_known()}): {runs}. Finish them with the version that began them, or cancel them with "
        "`flowmatik runs cancel`",
        code="config.decision_version",
        context={"count": len(found), "runs": runs, "known": _known()},
    )


def _known() -> str:
    return f"{ev.OLDEST_DECISION_VERSION}–{ev.DECISION_VERSION}"
