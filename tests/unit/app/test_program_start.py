"""What the program sets up before it loads anything heavy."""

import subprocess
import sys

import pytest


def test_products_take_one_thread_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = (
        "import os, sys; sys.argv = ['flowmatik', '--help']; from flowmatik.__main__ import main\n"
        "assert 'numpy' not in sys.modules\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import numpy; print('threads', os.environ['OPENBLAS_NUM_THREADS'])"
    )
    for given, meant in ((None, "1"), ("4", "4")):
        monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
        if given:
            monkeypatch.setenv("OPENBLAS_NUM_THREADS", given)
        said = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
        assert said.stdout.splitlines()[-1] == f"threads {meant}"
