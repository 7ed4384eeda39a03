"""`flowmatik` that stops itself with SIGSTOP just before it sends something, as a machine that sleeps or
a container that is paused does.

    python -m tests.e2e.stopping 2 …arguments of flowmatik…     (before the second call that it starts)
"""

import itertools
import os
import signal
import sys

from flowmatik.core.engine.lease import Lease


def stop_before(number: int) -> None:
    real = Lease.wait_valid
    started = itertools.count(1)

    async def wait_valid(self: Lease) -> None:
        """The last that the engine looks at before it starts a call."""
        if next(started) == number:
            os.kill(os.getpid(), signal.SIGSTOP)
        await real(self)

    Lease.wait_valid = wait_valid


if __name__ == "__main__":
    from flowmatik.__main__ import main

    stop_before(int(sys.argv[1]))
    sys.argv = ["flowmatik", *sys.argv[2:]]
    sys.exit(main())
