"""`python -m flowmatik.testing.openai_server --port 0 --script steps.json`: prints its address."""

import sys

from flowmatik.testing.model_server.program import serve
from flowmatik.testing.openai_server.server import made

if __name__ == "__main__":
    sys.exit(
        serve(
            made,
            lambda server: f"{server.address}/v1",
            prog="python -m flowmatik.testing.openai_server",
            about=__doc__,
        )
    )
