"""The services that test.sh starts are what the tests believe them to be."""

import asyncio
from typing import Any, cast

import asyncpg

from tests.conftest import open_redis


async def test_the_database_is_recent_durable_and_empty(pg_database: str) -> None:
    connection = await cast("Any", asyncpg).connect(pg_database, timeout=10)
    try:
        version = int(await connection.fetchval("SHOW server_version_num"))
        fsync = await connection.fetchval("SHOW fsync")
        tables = await connection.fetchval(
            "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
    finally:
        await connection.close()
    assert version >= 150000
    assert fsync == "on"
    assert tables == 0


async def test_the_redis_answers_and_is_recent(redis_url: str) -> None:
    reader, writer = await open_redis(redis_url)
    try:
        writer.write(b"INFO server\r\n")
        await writer.drain()
        header = await asyncio.wait_for(reader.readline(), 120)
        info = (await asyncio.wait_for(reader.readexactly(int(header[1:])), 120)).decode()
    finally:
        writer.close()
        await writer.wait_closed()
    version = next(line.split(":")[1] for line in info.splitlines() if line.startswith("redis_version:"))
    assert int(version.split(".")[0]) >= 7
