"""`flowmatik doctor`: is everything there that a run needs, and if not, how to mend it."""

import asyncio
import platform as python_platform
import shutil
import stat
import sys

from flowmatik.app.doctor_blobs import check_blobs
from flowmatik.app.doctor_indexes import check_indexes
from flowmatik.app.doctor_local import check_local_models
from flowmatik.app.doctor_memory import check_embedding, check_memory, check_parsing
from flowmatik.app.doctor_models import check_model_list
from flowmatik.app.doctor_providers import check_provider
from flowmatik.app.doctor_redis import check_redis
from flowmatik.app.doctor_skills import check_skills
from flowmatik.app.doctor_tools import check_tools
from flowmatik.app.finding import Finding
from flowmatik.app.schema import store_target
from flowmatik.app.settings import Settings
from flowmatik.kernel.errors import FlowmatikError
from flowmatik.kernel.sqlite import SQLITE_VERSION, sqlite3
from flowmatik.stores.migrate import current, is_newer
from flowmatik.stores.postgres import Durability, durability

NEEDED_MB = 200
# First releases in which two connections cannot corrupt a WAL file by checkpointing at once.
FIXED_SQLITE = ((3, 44, 6), (3, 50, 7), (3, 51, 3))


async def examine(settings: Settings, *, detect: bool = False) -> list[Finding]:
    """Every check, in the order in which things are needed; changes nothing. With `detect` it looks for
    model servers on this machine too."""
    findings = [check_python(), check_home(settings), check_variables(settings), check_disk(settings)]
    findings.append(check_sqlite(SQLITE_VERSION, sqlite3.__name__))
    if not settings.database_url:
        findings.append(check_durability(settings))
    findings += await check_store(settings)
    findings += await check_redis(settings)
    findings.append(await check_blobs(settings))
    findings += [await check_memory(settings), await check_parsing(), await check_embedding(settings)]
    findings += await check_indexes(settings)
    findings += await check_tools(settings)
    findings += await check_skills(settings)
    findings += await check_model_list(settings)
    if not settings.providers and not settings.models_path.is_file():
        findings.append(Finding(check="provider", ok=True, detail="doctor.provider.local"))
    for provider in settings.providers:
        findings.append(await check_provider(provider, settings.model))
    return [*findings, *(await check_local_models(settings) if detect else ())]


def check_python() -> Finding:
    recent = sys.version_info >= (3, 11)
    return Finding(
        check="python",
        ok=recent,
        detail="doctor.python.detail",
        mend="" if recent else "doctor.python.mend",
        values={"version": python_platform.python_version()},
    )


def check_home(settings: Settings) -> Finding:
    mode = stat.S_IMODE(settings.data.stat().st_mode) if settings.data.exists() else 0o700
    private = mode & 0o077 == 0
    return Finding(
        check="home",
        ok=private,
        detail="doctor.home.detail",
        mend="" if private else "doctor.home.mend",
        values={"home": settings.home, "data": settings.data, "mode": f"{mode:o}"},
    )


def check_variables(settings: Settings) -> Finding:
    if not settings.warnings:
        return Finding(check="variables", ok=True, detail="doctor.variables.none")
    return Finding(
        check="variables",
        ok=True,
        detail="doctor.variables.detail",
        mend="doctor.variables.mend",
        values={"names": ", ".join(settings.warnings)},
    )


def check_disk(settings: Settings, needed_mb: int = NEEDED_MB) -> Finding:
    free_mb = shutil.disk_usage(settings.home).free // 1_000_000
    enough = free_mb >= needed_mb
    return Finding(
        check="disk",
        ok=enough,
        detail="doctor.disk.detail",
        mend="" if enough else "doctor.disk.mend",
        values={"free_mb": free_mb, "needed_mb": needed_mb},
    )


def check_sqlite(version: str, driver: str) -> Finding:
    """Never a fault: only one connection writes and checkpoints, so old versions are safe too."""
    fixed = has_checkpoint_fix(version)
    return Finding(
        check="sqlite",
        ok=True,
        detail="doctor.sqlite.fixed" if fixed else "doctor.sqlite.unfixed",
        values={"version": version, "driver": driver},
    )


def has_checkpoint_fix(version: str) -> bool:
    parts = tuple(int(part) for part in version.split(".")[:3])
    if parts >= FIXED_SQLITE[-1]:
        return True
    return any(parts[:2] == fix[:2] and parts >= fix for fix in FIXED_SQLITE)


def check_durability(settings: Settings) -> Finding:
    """Never a fault: whoever chose speed over the last steps may know why."""
    if settings.durable:
        return Finding(check="durability", ok=True, detail="doctor.durability.full")
    return Finding(
        check="durability", ok=True, detail="doctor.durability.normal", mend="doctor.durability.mend"
    )


async def check_store(settings: Settings) -> list[Finding]:
    """Whether the store answers and whether its schema is this version's."""
    kind = "PostgreSQL" if settings.database_url else "SQLite"
    try:
        revision, head = await current(store_target(settings))
    except FlowmatikError as error:
        fault = {"code": error.code, "values": error.context, "text": error.message}
        values = {"kind": kind, "error": fault}
        mend = "doctor.store.damaged" if error.code == "unavailable.damaged" else "doctor.store.mend"
        return [Finding(check="store", ok=False, detail="doctor.store.failed", mend=mend, values=values)]
    answers = Finding(check="store", ok=True, detail="doctor.store.detail", values={"kind": kind})
    findings = [answers]
    if settings.database_url:
        findings.append(check_server_durability(await durability(settings.database_url)))
    values = {"revision": revision or "–", "head": head}
    if revision == head:
        return [*findings, Finding(check="schema", ok=True, detail="doctor.schema.detail", values=values)]
    detail, mend = "doctor.schema.failed", "doctor.schema.mend"
    if await asyncio.to_thread(is_newer, revision):  # `migrate` would refuse it
        detail, mend = "doctor.schema.newer", "doctor.schema.newer_mend"
    return [*findings, Finding(check="schema", ok=False, detail=detail, mend=mend, values=values)]


def check_server_durability(server: Durability) -> Finding:
    """Never a fault, as above. The engine's own sessions do not take a weaker `synchronous_commit`."""
    values = {"said": server.synchronous_commit, "in_use": server.in_use}
    if not server.fsync:
        detail, mend = "doctor.durability.fsync", "doctor.durability.fsync_mend"
        return Finding(check="durability", ok=True, detail=detail, mend=mend)
    kept = server.synchronous_commit == server.in_use
    detail = "doctor.durability.server" if kept else "doctor.durability.server_raised"
    return Finding(check="durability", ok=True, detail=detail, values=values)
