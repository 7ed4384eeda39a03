"""The real command line within the process of the test: the same arguments, output and exit code, without the
second that a process of its own takes to start. For tests of what a command says and does; what a process
is (how it starts, is signalled, dies, shares a home with another) is tested with `tests.e2e.cli.flowmatik`.
"""

import io
import logging
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

from flowmatik.app.cli.main import run_cli
from tests.e2e.cli import environment


def flowmatik(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    out, err = _stream(), _stream()
    variables = environment() if env is None else env
    with _environment(variables), _logging(), redirect_stdout(out), redirect_stderr(err):
        code = run_cli(arguments)
    return subprocess.CompletedProcess(arguments, int(code), _said(out), _said(err))


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _said(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextmanager
def _environment(variables: dict[str, str]) -> Generator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _logging() -> Generator[None]:
    """Handlers and their filters as they were: a command configures them for its own streams and secrets."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    filters = [(handler, list(handler.filters)) for handler in (*handlers, logging.lastResort) if handler]
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for handler, before in filters:
            handler.filters[:] = before
