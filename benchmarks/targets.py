"""What a case needs before each measurement: nothing, a new folder, or a new database."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.cluster import database, postgres
from benchmarks.harness import Fresh, Job


@contextmanager
def nothing() -> Iterator[Fresh]:
    @contextmanager
    def fresh() -> Iterator[Job]:
        yield {}

    yield fresh


@contextmanager
def folders() -> Iterator[Fresh]:
    @contextmanager
    def fresh() -> Iterator[Job]:
        with tempfile.TemporaryDirectory(prefix="flowmatik-bench.") as folder:
            yield {"target": folder}

    yield fresh


@contextmanager
def databases() -> Iterator[Fresh]:
    with postgres() as administrator:

        @contextmanager
        def fresh() -> Iterator[Job]:
            with database(administrator) as address:
                yield {"target": address}

        yield fresh
