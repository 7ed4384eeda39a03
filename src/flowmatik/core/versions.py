"""Which runs this program may decide: those begun by a version of the decision logic that it still has."""

from collections.abc import Sequence

from flowmatik.core import events as ev
from flowmatik.core.journal.port import Journal, Versions
from flowmatik.core.journal.records import UNREAD_VERSION
from flowmatik.kernel import canonical
from flowmatik.kernel.errors import ConfigurationError, Conflict

MOST_NAMED = 20
HERE: Versions = (ev.OLDEST_DECISION_VERSION, ev.DECISION_VERSION)


def is_decided_here(version: int) -> bool:
    """Of a head row. A beginning that nobody can read is another matter (`salvage`)."""
    return version == UNREAD_VERSION or HERE[0] <= version <= HERE[1]


def version_in(created: str) -> int:
    """The version in the payload of a RunCreated; this program's own for a payload that cannot be read."""
    try:
        version = canonical.loads(created).get("decision_version", ev.DECISION_VERSION)
    except (ValueError, AttributeError):
        return ev.DECISION_VERSION
    return version if isinstance(version, int) else ev.DECISION_VERSION


async def refuse_foreign(journal: Journal) -> None:
    """Raises ConfigurationError, which names them, when runs that have not ended are not for this
    program to decide. Costs no more for more runs that are."""
    count, first = await journal.foreign(HERE, MOST_NAMED)
    if count:
        raise _foreign(count, first)


def not_decided_here(run_id: str, version: int) -> Conflict:
    return Conflict(
        f"run {run_id} was begun by decision version {version}; this Flowmatik knows {_known()}. Continue "
        "it with the version that began it, or cancel it",
        code="conflict.decision_version",
        context={"run_id": run_id, "version": version, "known": _known()},
    )


def _foreign(count: int, first: Sequence[tuple[str, int]]) -> ConfigurationError:
    named = [f"{run_id} ({version})" for run_id, version in first]
    runs = ", ".join(named) + (", …" if count > len(first) else "")
    return ConfigurationError(
        f"{count} unfinished run(s) were begun by decision versions that this Flowmatik does not know "
        f"(it knows {_known()}): {runs}. Finish them with the version that began them, or cancel them with "
        "`flowmatik runs cancel`",
        code="config.decision_version",
        context={"count": count, "runs": runs, "known": _known()},
    )


def _known() -> str:
    return f"{ev.OLDEST_DECISION_VERSION}–{ev.DECISION_VERSION}"
