"""PostgreSQL as the owner of the tables: for what is made and dropped while the platform runs."""

from flowmatik.stores.postgres import connect_once, raised_by_postgres, translated


class PostgresOwner:
    """Implements `TableOwner`. A connection for each script, as the login role of the address; it waits for
    no lock longer than five seconds."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def run(self, script: str) -> None:
        """Raises JournalUnavailable, and what PostgreSQL says of a wrong script."""
        connection = await connect_once(self._url)
        try:
            await connection.execute("SET lock_timeout = '5s'")
            await connection.execute(script)
        except raised_by_postgres() as error:
            raise translated(error) or error from error
        finally:
            await connection.close()
