"""Memory by its size: taking in, search, space, sync, removal.

    python -m benchmarks memory_scale [--case chunks_1e4|chunks_1e5] [--n PASSAGES] [--quick] [--json]

`--n 1000000` with `--case chunks_1e5` measures a million; that takes about an hour and 16 GiB of disk.
"""

from benchmarks.figures import Figure, Sheet, Trial, run
from benchmarks.harness import Contestant
from benchmarks.targets import folders

ABOUT = """
A made-up corpus (Zipf's law, Spanish and English in turn, ten passages a document) goes through the product's
own ingestion into SQLite; n is passages. The vectors of its passages are sums of a random direction for each
word in place of the model's, which would take hours: searching them costs the same. Real embeddings: those of
the questions, always, and all of `pages/s` and `share of embedding`, which come from thirty documents apart.
Each question has eight words by the same law, stop-words included, and is asked once. Sync and removal are
wall time until everything is in the file.
"""


def _figures(goals: bool) -> tuple[Figure, ...]:
    def most(value: float) -> float | None:
        return value if goals else None

    return (
        Figure(name="pages", unit="pages/s", what="taking in, real embeddings"),
        Figure(name="embedding_share", unit="%", what="share of embedding, real embeddings"),
        Figure(name="ingest_chunks", unit="passages/s", what="taking in without the model"),
        Figure(name="open_s", unit="s", what="first search, which reads the workspace"),
        Figure(name="p50", unit="ms", what="search, half of the questions within", most=most(25)),
        Figure(name="p99", unit="ms", what="search, 99 % within", most=most(80)),
        Figure(name="processor_p50", unit="ms", what="processor time of a search, half within"),
        Figure(name="disk", unit="KiB", what="file, for each passage"),
        Figure(name="resident", unit="KiB", what="memory of the process, for each passage"),
        Figure(name="sync_s", unit="s", what="sync after 1 % of the documents changed"),
        Figure(name="sync_share", unit="%", what="the same, share of taking all in", most=most(2)),
        Figure(name="refresh_ms", unit="ms", what="first search after the sync"),
        Figure(name="remove_p50", unit="ms", what="removal of a document, half within"),
        Figure(name="remove_most", unit="ms", what="removal of a document, slowest"),
    )


def _trial(name: str, n: int, quick_n: int) -> Trial:
    return Trial(
        name=name,
        contestant=Contestant(name="flowmatik", module="benchmarks.memory_scale.ours"),
        n=n,
        quick_n=quick_n,
        shown=_figures(n >= 100_000),
        prepare=folders,
        full={"questions": 500},
        quick={"questions": 30},
    )


SHEET = Sheet(
    name="memory_scale",
    title="Memory by its size",
    about=ABOUT,
    trials=(_trial("chunks_1e4", 10_000, 300), _trial("chunks_1e5", 100_000, 600)),
)


def main(arguments: list[str]) -> int:
    return run(SHEET, arguments)
