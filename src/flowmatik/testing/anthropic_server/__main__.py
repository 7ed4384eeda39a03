"""`python -m flowmatik.testing.anthropic_server --port 0 --script steps.json`: prints its address."""

import sys

from flowmatik.testing.anthropic_server.server import made
from flowmatik.testing.model_server.program import serve

if __name__ == "__main__":
    sys.exit(
        serve(
            made,
            lambda server: server.address,
            prog="python -m flowmatik.testing.anthropic_server",
            about=__doc__,
        )
    )
