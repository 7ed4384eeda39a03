"""Pages taken in per second, and where the time goes."""

from benchmarks.harness import Benchmark, Case, Contestant, run
from benchmarks.ingest.corpus import PAGE_CHARACTERS, handbook_files
from benchmarks.targets import folders

ABOUT = f"""
Files into memory, searchable by words and by meaning at the end: parsed, cut into passages, embedded with
the packaged model and written. `int8` has `embeddings.numbers = "int8"`. A page is
{PAGE_CHARACTERS:,} characters of extracted text; n is files.
`handbook` is `examples/handbook` (Markdown, text, HTML, DOCX, PDF); `generated` is made of its sentences, in
Markdown, HTML and text. Loading the model is not counted, starting the parsers' process is. Below each:
milliseconds a page by stage, which add up to more than a page takes, for some files are under way at once;
`prepare` is parsing and cutting, in that process.
"""


def _ours(name: str, corpus: str, numbers: str) -> Contestant:
    return Contestant(
        name=name, module="benchmarks.ingest.ours", options={"corpus": corpus, "numbers": numbers}
    )


def _case(corpus: str, n: int, quick_n: int) -> Case:
    return Case(
        name=corpus,
        unit="pages/s",
        n=n,
        quick_n=quick_n,
        contestants=(
            _ours("flowmatik", corpus, "float32"),
            _ours("int8", corpus, "int8"),
        ),
        prepare=folders,
        parts=dict.fromkeys(("prepare", "embed", "write"), "ms/page"),
    )


BENCHMARK = Benchmark(
    name="ingest",
    title="Taking in documents",
    about=ABOUT,
    cases=(
        _case("handbook", len(handbook_files()), 8),
        _case("generated", 60, 6),
    ),
)


def main(arguments: list[str]) -> int:
    return run(BENCHMARK, arguments)
