"""What goes wrong with indexes outside, as people and programs are told it. What a vendor says may hold what
it was sent, so that only its kind is told."""

from flowmatik.kernel.errors import ConfigurationError, InvalidInput, NotFound, Unavailable

RENEWED = "unavailable.index.renewed"


def away(index: str, said: str) -> Unavailable:
    return Unavailable(
        f"the index {index!r} cannot be used now ({said}); nothing is lost: it is brought up to date when it "
        "is back",
        code="unavailable.index",
        context={"index": index, "said": said},
    )


def late(index: str, seconds: float) -> Unavailable:
    return Unavailable(
        f"the index {index!r} did not answer within {seconds:g} s; try again when it does",
        code="unavailable.index.late",
        context={"index": index, "seconds": seconds},
    )


def taken(index: str, path: str) -> Unavailable:
    return Unavailable(
        f"the index {index!r} in {path} is in another process's hands, and only one can have it; use a"
        " server for several processes, or stop the other one",
        code="unavailable.index.taken",
        context={"index": index, "path": path},
    )


def damaged(index: str, path: str) -> Unavailable:
    return Unavailable(
        f"the file {path} of the index {index!r} is damaged, or no index at all; if it is not somebody"
        " else's, delete it: it is filled again from memory",
        code="unavailable.index.damaged",
        retryable=False,
        context={"index": index, "path": path},
    )


def renewed(index: str, path: str) -> Unavailable:
    return Unavailable(
        f"the file {path} of the index {index!r} was damaged; it is made anew and filled again from memory,"
        " at once by `flowmatik memory rebuild --index`",
        code=RENEWED,
        context={"index": index, "path": path},
    )


def unprepared(index: str, workspace_id: str) -> NotFound:
    return NotFound(
        f"the index {index!r} has nothing of workspace {workspace_id!r}; it is filled when it catches up with"
        " memory",
        code="not_found.index",
        context={"index": index, "workspace": workspace_id},
    )


def rejected(index: str, said: str) -> InvalidInput:
    return InvalidInput(
        f"the index {index!r} refuses what it was sent ({said})",
        code="input.index",
        context={"index": index, "said": said},
    )


def refused(index: str, said: str) -> ConfigurationError:
    return ConfigurationError(
        f"the index {index!r} refuses us ({said}); check its address, its key and that key's rights",
        code="config.index.refused",
        context={"index": index, "said": said},
    )


def lacking(index: str, *missing: str) -> ConfigurationError:
    names = ", ".join(missing)
    return ConfigurationError(
        f"the index {index!r} needs {names}; set what is missing",
        code="config.index.settings",
        context={"index": index, "missing": names},
    )


def unfit(index: str, found: str, allowed: str) -> ConfigurationError:
    return ConfigurationError(
        f"the index {index!r} needs {allowed}, here is {found}; upgrade it or choose another index",
        code="config.index.version",
        context={"index": index, "found": found, "allowed": allowed},
    )
