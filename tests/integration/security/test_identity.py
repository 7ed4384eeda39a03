"""Identity over a real database: passwords, tokens, keys, and nothing secret in the file."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowmatik.contracts.security import Principal
from flowmatik.kernel.errors import InvalidInput, PermissionDenied, Unauthenticated, Unavailable
from flowmatik.security import StoredIdentity
from flowmatik.stores.migrate import upgrade
from flowmatik.stores.sqlite import SqliteDatabase, SqliteStore


class HandClock:
    """Moves when told."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def identity(tmp_path: Path, clock: HandClock) -> AsyncIterator[StoredIdentity]:
    await upgrade(tmp_path / "journal.db")
    store = SqliteStore(tmp_path / "journal.db")
    yield StoredIdentity(SqliteDatabase(store), clock, tmp_path / "keys")
    await store.close()


ADMIN = Principal(id="u", name="admin", workspace_id="default", scopes=frozenset({"admin"}))
READER = Principal(id="r", name="reader", workspace_id="default", scopes=frozenset({"runs:read"}))


async def test_the_first_administrator_is_made_once_and_can_log_in(identity: StoredIdentity) -> None:
    password = await identity.create_first_admin("default")
    assert password is not None
    assert len(password) >= 20
    assert await identity.create_first_admin("default") is None
    token = await identity.login("admin", password)
    principal = await identity.authenticate(token.token)
    assert principal.workspace_id == "default"
    assert principal.may("memory:write")


async def test_a_wrong_password_and_an_unknown_user_are_told_the_same(identity: StoredIdentity) -> None:
    await identity.create_first_admin("default")
    for user in ("admin", "nobody"):
        with pytest.raises(Unauthenticated, match="wrong user name or password"):
            await identity.login(user, "guess")


async def test_guessing_is_slowed_down(identity: StoredIdentity, clock: HandClock) -> None:
    password = await identity.create_first_admin("default")
    assert password
    for _ in range(10):
        with pytest.raises(Unauthenticated):
            await identity.login("admin", "guess")
    with pytest.raises(Unavailable) as caught:
        await identity.login("admin", password)
    assert caught.value.code == "rate.login"
    clock.time += timedelta(seconds=61)
    assert await identity.login("admin", password)


async def test_a_token_expires_and_a_forged_one_is_refused(
    identity: StoredIdentity, clock: HandClock
) -> None:
    password = await identity.create_first_admin("default")
    token = (await identity.login("admin", password or "")).token
    for forged in ("x.y.z", token[:-4] + "AAAA", ""):
        with pytest.raises(Unauthenticated):
            await identity.authenticate(forged)
    clock.time += timedelta(minutes=16)
    with pytest.raises(Unauthenticated) as caught:
        await identity.authenticate(token)
    assert caught.value.code == "auth.expired"


def stored_bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("journal.db*"))


async def test_a_key_works_until_it_is_revoked_and_only_its_hash_is_kept(
    identity: StoredIdentity, tmp_path: Path
) -> None:
    key = await identity.create_key(ADMIN, "ci", ("runs:read",))
    principal = await identity.authenticate(key.secret)
    assert principal.may("runs:read")
    assert not principal.may("runs:write")
    drawn = key.secret.removeprefix(f"fmk_{key.id.removeprefix('key_')}_")  # may itself contain "_"
    assert len(drawn) == 43
    assert drawn.encode() not in stored_bytes(tmp_path)
    assert await identity.revoke_key(ADMIN, key.id)
    with pytest.raises(Unauthenticated):
        await identity.authenticate(key.secret)


async def test_a_key_cannot_have_more_rights_than_its_maker(identity: StoredIdentity) -> None:
    with pytest.raises(PermissionDenied, match="runs:write"):
        await identity.create_key(READER, "more", ("runs:write",))
    with pytest.raises(InvalidInput, match="'everything'"):
        await identity.create_key(ADMIN, "odd", ("everything",))


async def test_tokens_of_one_home_are_worth_nothing_in_another(
    tmp_path: Path, identity: StoredIdentity
) -> None:
    password = await identity.create_first_admin("default")
    token = (await identity.login("admin", password or "")).token
    await upgrade(tmp_path / "other.db")
    store = SqliteStore(tmp_path / "other.db")
    other = StoredIdentity(SqliteDatabase(store), HandClock(), tmp_path / "other-keys")
    with pytest.raises(Unauthenticated):
        await other.authenticate(token)
    await store.close()
