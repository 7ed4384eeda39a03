"""What a case needs before each measurement: nothing, a new folder, or a new database."""

import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from benchmarks.cluster import database, postgres
from benchmarks.harness import Fresh, Job


@contextmanager
def nothing() -> Generator[Fresh]:
    @contextmanager
    def fresh() -> Generator[Job]:
        yield {}

    yield fresh


@contextmanager
def folders() -> Generator[Fresh]:
    @contextmanager
    def fresh() -> Generator[Job]:
        with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as folder:
            yield {"target": folder}

    yield fresh


@contextmanager
def databases(settings: str = "") -> Generator[Fresh]:
    with postgres(settings) as administrator:

        @contextmanager
        def fresh() -> Generator[Job]:
            with database(administrator) as address:
                yield {"target": address}

        yield fresh
