"""How the catalogue's knowledge of versions is shown to people."""

from flowmatik.app.cli.session import Session
from flowmatik.contracts.channels import Evaluation, Shares, VersionStanding


def shown(shares: Shares) -> str:
    if len(shares) == 1:
        return shares[0].version
    return ", ".join(f"{share.version} {share.weight} %" for share in shares) or "–"


def score(evaluations: tuple[Evaluation, ...]) -> str:
    """The newest, and with which model."""
    if not evaluations:
        return "–"
    newest = evaluations[0]
    model = f", {newest.model}" if newest.model else ""
    return f"{newest.score:.2f} ({newest.set_name}, n={newest.n}{model})"


def origin(session: Session, one: VersionStanding) -> str:
    given = one.origin
    what = session.text(f"agents.origin.{given.kind}")
    where = given.template or given.source or given.by or given.note
    return f"{what} ({where})" if where else what
