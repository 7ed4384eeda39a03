"""What all contract tests of stores share."""

import pytest

from tests.contracts.stores import BOTH


@pytest.fixture(params=BOTH)
def dsn(request: pytest.FixtureRequest) -> str:
    """ "" for a SQLite file."""
    return str(request.getfixturevalue("pg_migrated")) if request.param == "postgres" else ""
