"""Which embedder a workspace compares with: the one whose vectors it has, as long as that one is there."""

from collections.abc import Iterable

from flowmatik.contracts.memory import Embedder


class Embedders:
    """`configured` is what the settings want, None for full text only; `others` can be had as well, so that
    vectors of theirs are still compared after the settings have changed."""

    def __init__(self, configured: Embedder | None, others: Iterable[Embedder] = ()) -> None:
        self.configured = configured
        given = () if configured is None else (*others, configured)
        self._known = {embedder.id: embedder for embedder in given}

    def of(self, embedder_id: str) -> Embedder | None:
        """The one that a workspace compares with: that of its vectors, else the configured one."""
        return self._known.get(embedder_id, self.configured)

    def known(self, embedder_id: str) -> Embedder | None:
        return self._known.get(embedder_id)

    def ids(self) -> list[str]:
        return sorted(self._known)
