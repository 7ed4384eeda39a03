"""The indexes outside that the settings name, and who keeps them."""

from typing import TYPE_CHECKING, Any, cast

from flowmatik.app.index_settings import index_manifests
from flowmatik.app.settings import Settings
from flowmatik.contracts.database import Database
from flowmatik.contracts.graph_indexes import GraphIndex
from flowmatik.contracts.text_indexes import TextIndex
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.kernel.clock import Clock
from flowmatik.stores.owner import PostgresOwner

if TYPE_CHECKING:
    from flowmatik.memory import StoredMemory
    from flowmatik.memory.outside.keeping import OutsideIndexes

FOLLOWED_SECONDS = 1.0  # how long a change may wait before an index gets it


def indexes_of(settings: Settings, database: Database, clock: Clock) -> "OutsideIndexes":
    """`database` is memory's own. Nothing is opened before the first use. Raises ConfigurationError for what
    an index cannot be used with."""
    from flowmatik.memory.graph_indexes.choosing import load_graph_index
    from flowmatik.memory.outside.keeping import OutsideIndexes
    from flowmatik.memory.text_index import load_text_index
    from flowmatik.memory.vector_indexes.choosing import load_vector_index

    near, worded, linked = settings.vector_index, settings.text_index, settings.graph_index
    vectors = load_vector_index(near, _given(settings, "vectors", database)) if near else None
    text = load_text_index(worded, _given(settings, "text", database)) if worded else None
    graph = load_graph_index(linked, _given(settings, "graph", database)) if linked else None
    manifests = (*index_manifests("vectors"), *index_manifests("text"))
    return OutsideIndexes(
        database,
        clock,
        vectors=vectors,
        text=cast("TextIndex | None", text),
        graph=cast("GraphIndex | None", graph),
        in_store=[one.id for one in manifests if one.options.get("database")],
    )


def use_indexes(settings: Settings, memory: "StoredMemory", clock: Clock) -> "OutsideIndexes":
    indexes = indexes_of(settings, memory.store.database, clock)
    if indexes.names:
        memory.use_indexes(indexes)
    return indexes


def indexes_chore(indexes: "OutsideIndexes", everywhere: Database) -> Chore:
    """`everywhere` shows the memory of all workspaces."""

    async def work() -> None:
        if indexes.names:
            await indexes.follow_all(everywhere)

    return Chore(name="indexes", every=FOLLOWED_SECONDS, work=work)


def _given(settings: Settings, leg: str, database: Database) -> dict[str, Any]:
    """What the settings say of the index for that leg; what its manifest asks for beside that: a `file` of
    the installation where no other place is named, memory's own `database`, and the `owner` of its tables."""
    chosen = {"vectors": settings.vector_index, "text": settings.text_index, "graph": settings.graph_index}
    plugin = chosen[leg]
    given = dict(settings.index_tables.get(plugin, {}))
    options = next(one.options for one in index_manifests(leg) if one.id == plugin)
    if "file" in options:
        given.setdefault("path", str(settings.data / str(options["file"])))
    if path := given.get("path"):
        given["path"] = str(settings.home / str(path))
    if options.get("database"):
        given["database"] = database
    if options.get("owner") and settings.database_url:
        given["owner"] = PostgresOwner(settings.database_url)
    return given
