"""Documents in, cited passages out: see README.md."""

from flowmatik.memory.care import StoredMemoryCare
from flowmatik.memory.checkup import Condition, look_at
from flowmatik.memory.embedding import embedder_registry, load_embedder
from flowmatik.memory.entities import StoredEntities
from flowmatik.memory.limits import IngestLimits
from flowmatik.memory.places import Places
from flowmatik.memory.server_checkup import ServerCondition, look_at_server
from flowmatik.memory.stored_memory import MemoryStore, StoredMemory, build_memory

__all__ = [
    "Condition",
    "IngestLimits",
    "MemoryStore",
    "Places",
    "ServerCondition",
    "StoredEntities",
    "StoredMemory",
    "StoredMemoryCare",
    "build_memory",
    "embedder_registry",
    "load_embedder",
    "look_at",
    "look_at_server",
]
