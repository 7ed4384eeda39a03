"""What goes wrong with an engine, as people and programs are told it. Vendors' texts may hold what was sent,
so that only their kind is told."""

from flowmatik.kernel.errors import InvalidInput, NotFound, Unavailable


def away(index: str, said: str) -> Unavailable:
    return Unavailable(
        f"the vector index {index!r} cannot be used now ({said}); nothing is lost, memory has what it holds",
        code="unavailable.vector_index",
        context={"index": index, "said": said},
    )


def late(index: str, seconds: float) -> Unavailable:
    return Unavailable(
        f"the vector index {index!r} did not answer within {seconds:g} s; try again when it does",
        code="unavailable.vector_index.late",
        context={"index": index, "seconds": seconds},
    )


def taken(index: str, path: str) -> Unavailable:
    return Unavailable(
        f"the vector index {index!r} in {path} is in another process's hands, and only one can have it; use a"
        " server for several processes, or stop the other one",
        code="unavailable.vector_index.taken",
        context={"index": index, "path": path},
    )


def refused(index: str, said: str) -> InvalidInput:
    return InvalidInput(
        f"the vector index {index!r} refuses what it was sent ({said})",
        code="input.vector_index",
        context={"index": index, "said": said},
    )


def unprepared(index: str, workspace_id: str) -> NotFound:
    return NotFound(
        f"the vector index {index!r} has nothing of workspace {workspace_id!r}; it is filled when it catches"
        " up with memory",
        code="not_found.vector_index",
        context={"index": index, "workspace": workspace_id},
    )
