"""Taking what was deleted out of PostgreSQL's table files."""

from flowmatik.stores.postgres import connect_once, raised_by_postgres, translated


async def vacuum(url: str, prefix: str) -> bool:
    """VACUUM the tables whose name begins with `prefix`, as their owner. True when every row that was deleted
    and that nobody can see any more is gone from the pages; a transaction still open elsewhere keeps
    what it may see, and the write-ahead log keeps changes until it is recycled. Raises
    JournalUnavailable."""
    connection = await connect_once(url)
    try:
        names = await connection.fetch(
            "SELECT quote_ident(relname) FROM pg_class WHERE relkind = 'r' AND starts_with(relname, $1)"
            " AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())",
            prefix,
        )
        for (name,) in names:
            await connection.execute(f"VACUUM (FREEZE) {name}")
        left = await connection.fetchval(
            "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE starts_with(relname, $1)",
            prefix,
        )
        return not left
    except raised_by_postgres() as error:
        raise translated(error) or error from error
    finally:
        await connection.close()
