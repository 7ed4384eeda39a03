"""What the doctor has to say of the indexes that searches ask."""

from flowmatik.app.finding import Finding
from flowmatik.app.memory_indexes import indexes_of
from flowmatik.app.settings import Settings
from flowmatik.contracts.database import Database
from flowmatik.contracts.memory_indexes import IndexState
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import FlowmatikError

WORKSPACE = "default"


async def check_indexes(settings: Settings) -> list[Finding]:
    """For each that the settings name: its version, how far it is behind memory, whether it has as much."""
    chosen = settings.vector_index or settings.text_index or settings.graph_index
    if not chosen:
        return []
    try:
        if not settings.database_url:
            return await _in_file(settings)
        from flowmatik.stores.postgres import PostgresDatabase, open_pool

        pool = await open_pool(settings.database_url, role="flowmatik_api", max_size=2)
        try:
            return await _looked_at(settings, PostgresDatabase(pool))
        finally:
            await pool.close()
    except FlowmatikError as error:
        values = {"index": chosen, "error": _fault(error)}
        return [Finding(check="index", ok=False, detail="doctor.index.failed", values=values)]


async def _in_file(settings: Settings) -> list[Finding]:
    from flowmatik.memory.store import MemoryFile

    path = settings.data / "memory.db"
    if not path.is_file():
        return [Finding(check="index", ok=True, detail="doctor.memory.none")]
    file = MemoryFile(path)
    try:
        return await _looked_at(settings, file)
    finally:
        await file.close()


async def _looked_at(settings: Settings, database: Database) -> list[Finding]:
    indexes = indexes_of(settings, database, SystemClock())
    try:
        return [_finding(one) for one in await indexes.states(WORKSPACE)]
    finally:
        await indexes.close()


def _finding(one: IndexState) -> Finding:
    values = {"index": one.index, "version": one.version or "–", "stored": one.stored}
    values |= {"indexed": one.indexed, "behind": one.behind}
    if one.fault:
        told = {"code": one.fault, "values": {"index": one.index}, "text": one.said}
        return Finding(
            check="index",
            ok=False,
            detail="doctor.index.failed",
            mend="doctor.index.without",
            values={**values, "error": told},
        )
    mend = "doctor.index.behind" if one.behind else "" if one.agrees else "doctor.index.differs"
    well = one.agrees or bool(one.behind)
    return Finding(check="index", ok=well, detail="doctor.index.detail", mend=mend, values=values)


def _fault(error: FlowmatikError) -> dict[str, object]:
    return {"code": error.code, "values": error.context, "text": error.message}
