"""What indexes outside raise, in words that name the index and say what to do."""

from flowmatik.kernel.errors import ConfigurationError, Unavailable


def away(index: str, said: str) -> Unavailable:
    return Unavailable(
        f"the index {index!r} cannot be used now ({said}); nothing is lost: it is brought up to date when it "
        "is back",
        code="unavailable.index",
        context={"index": index, "said": said},
    )


def damaged(index: str, path: str) -> Unavailable:
    return Unavailable(
        f"the file {path} of the index {index!r} is damaged; delete it and rebuild the index, it holds "
        "nothing that memory does not have",
        code="unavailable.index.damaged",
        retryable=False,
        context={"index": index, "path": path},
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


def unfit(index: str, found: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"the index {index!r} needs {wanted}, here is {found}; upgrade it or choose another index",
        code="config.index.version",
        context={"index": index, "found": found, "wanted": wanted},
    )
