"""By which names documents of elsewhere know a person of this installation."""

from pathlib import Path

from flowmatik.app.audience import KnownAudience
from flowmatik.contracts.database import Database
from flowmatik.kernel.clock import SystemClock
from flowmatik.security import StoredIdentity
from tests.integration.security.test_teams import WS, database, dsn, person, teams_in

__all__ = ["database", "dsn"]  # fixtures


async def test_people_are_known_by_their_address_and_groups_by_their_teams(
    database: Database, tmp_path: Path
) -> None:
    teams, identity = teams_in(database), StoredIdentity(database, SystemClock(), tmp_path / "keys")
    ana = await person(database, "usr_1", "Ana@Example.org")
    await person(database, "usr_2", "luis")
    await person(database, "usr_3", "eve@example.org", workspace="other")
    await teams.add(WS, "Birds@example.org", "usr_1")
    key = await identity.create_key(ana, "batch", ("runs:write",))
    audience = KnownAudience(teams, identity, identity)
    of_ana = await audience.on_behalf(WS, "usr_1")
    assert of_ana >= {"user:usr_1", "user:ana@example.org", "group:birds@example.org"}
    assert "user:ana@example.org" in await audience.on_behalf(WS, key.id)
    assert await audience.on_behalf(WS, "usr_2") == {"user:usr_2", "role:admin"}
    assert "user:eve@example.org" not in await audience.on_behalf(WS, "usr_3")
