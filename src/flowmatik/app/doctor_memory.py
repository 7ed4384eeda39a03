"""What the doctor has to say of the memory and of what embeds its passages."""

from flowmatik.app.embeddings import embedder_of
from flowmatik.app.finding import Finding
from flowmatik.app.settings import Settings
from flowmatik.contracts.memory import Embedder
from flowmatik.kernel.errors import ConfigurationError, FlowmatikError
from flowmatik.memory import IngestLimits, ServerCondition, look_at, look_at_server
from flowmatik.memory.isolation import Lost, Refused, measures
from flowmatik.stores.postgres import PostgresDatabase, open_pool

PROBE = "Flowmatik"  # costs next to nothing where an embedding costs something


async def check_memory(settings: Settings) -> Finding:
    """Whether it answers, is sound and has vectors that the search can use."""
    if settings.database_url:
        return await _check_shared(settings, settings.database_url)
    path, embedder = settings.data / "memory.db", _embedder(settings)
    try:
        state = await look_at(path, embedder.id if embedder else "")
    except FlowmatikError as error:
        damaged, newer = error.code == "unavailable.memory.damaged", isinstance(error, ConfigurationError)
        mend = "doctor.memory.newer" if newer else "doctor.memory.unusable"
        return Finding(
            check="memory",
            ok=False,
            detail="doctor.memory.failed",
            mend="doctor.memory.damaged" if damaged else mend,
            values={"error": _fault(error), "path": str(path), "uploads": settings.uploads},
        )
    if state is None:
        return Finding(check="memory", ok=True, detail="doctor.memory.none")
    return Finding(
        check="memory",
        ok=True,
        detail="doctor.memory.detail" if state.read_whole else "doctor.memory.partly",
        mend="doctor.memory.pending" if state.not_embedded else "",
        values={
            "documents": state.documents,
            "passages": state.passages,
            "schema": state.schema,
            "pending": state.not_embedded,
            "model": embedder.id if embedder else "",
        },
    )


async def _check_shared(settings: Settings, url: str) -> Finding:
    """The same where it lies in PostgreSQL, of all workspaces."""
    embedder = _embedder(settings)
    try:
        pool = await open_pool(url, role="flowmatik_engine", min_size=0, max_size=1)
        try:
            state = await look_at_server(PostgresDatabase(pool), embedder.id if embedder else "")
        finally:
            await pool.close()
    except FlowmatikError as error:
        values = {"error": _fault(error)}
        return Finding(
            check="memory",
            ok=False,
            detail="doctor.memory.failed",
            mend="doctor.memory.server_unusable",
            values=values,
        )
    if state is None:
        detail, mend = "doctor.memory.no_tables", "doctor.memory.server_unusable"
        return Finding(check="memory", ok=False, detail=detail, mend=mend)
    if not state.documents and not state.orphans:
        return Finding(check="memory", ok=True, detail="doctor.memory.none")
    return Finding(
        check="memory",
        ok=not (state.partial or state.orphans),
        detail="doctor.memory.shared",
        mend=_mend_of(state),
        values={
            "documents": state.documents,
            "passages": state.passages,
            "pending": state.not_embedded,
            "others": state.other_embedder,
            "partial": state.partial,
            "orphans": state.orphans,
            "model": embedder.id if embedder else "",
        },
    )


def _mend_of(state: ServerCondition) -> str:
    """The worst first."""
    if state.partial:
        return "doctor.memory.partial"
    if state.orphans:
        return "doctor.memory.orphans"
    if state.other_embedder:
        return "doctor.memory.others"
    return "doctor.memory.pending" if state.not_embedded else ""


async def check_parsing() -> Finding:
    """What keeps a parser from harm by a stranger's file. Never a fault: the system has it or has not."""
    try:
        holds = await measures(IngestLimits())
    except (Refused, Lost):
        return Finding(
            check="parsing", ok=True, detail="doctor.parsing.here", mend="doctor.parsing.here_mend"
        )
    closed = {"network", "reading"} <= {*holds}
    missing = ", ".join(one for one in ("network", "reading") if one not in holds)
    return Finding(
        check="parsing",
        ok=True,
        detail="doctor.parsing.detail" if closed else "doctor.parsing.open",
        mend="" if closed else "doctor.parsing.mend",
        values={"missing": missing},
    )


async def check_embedding(settings: Settings) -> Finding:
    """Lets the model embed a word: only that shows that its weights can be read, or that the endpoint
    takes the key and has vectors of that length. Having none is no fault: search is full text then."""
    if not settings.embeddings:
        return _none("doctor.embedding.off")
    endpoint = settings.embedding_endpoint
    model = endpoint.model if endpoint else settings.embedding_file or "all-MiniLM-L6-v2"
    try:
        embedder = embedder_of(settings)
        if embedder is None:
            return _none("doctor.embedding.mend")
        await embedder.embed([PROBE])
        model = model if endpoint else embedder.id
    except FlowmatikError as error:
        values = {"model": model, "error": _fault(error)}
        return Finding(
            check="embedding",
            ok=False,
            detail="doctor.embedding.failed",
            mend="doctor.embedding.until",
            values=values,
        )
    return Finding(
        check="embedding",
        ok=True,
        detail="doctor.embedding.there" if endpoint else "doctor.embedding.detail",
        values={"model": model, "url": endpoint.base_url if endpoint else "", "size": embedder.dimension},
    )


def _embedder(settings: Settings) -> Embedder | None:
    """None also where it cannot be had: `check_embedding` says why."""
    try:
        return embedder_of(settings)
    except FlowmatikError:
        return None


def _none(mend: str) -> Finding:
    return Finding(check="embedding", ok=True, detail="doctor.embedding.none", mend=mend)


def _fault(error: FlowmatikError) -> dict[str, object]:
    return {"code": error.code, "values": error.context, "text": error.message}
