"""`python -m flowmatik.testing.openai_server --port 0 --script steps.json`: prints its address."""

import argparse
import sys
from pathlib import Path

from flowmatik.kernel.errors import FlowmatikError
from flowmatik.testing.openai_server import OpenAIServer, Step, load_script


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m flowmatik.testing.openai_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--script", type=Path, help="a JSON list of steps; without it, plain answers")
    parser.add_argument("--embeddings", type=Path, help="the same for embeddings; without it, vectors")
    parser.add_argument("--key", default="", help="the only key that is let in; without it, everybody")
    given = parser.parse_args()
    try:
        script = load_script(given.script) if given.script else (Step(),)
        embeddings = load_script(given.embeddings) if given.embeddings else ()
        with OpenAIServer(*script, embeddings=embeddings, key=given.key, port=given.port) as server:
            print(server.base_url, flush=True)
            server.wait()
    except FlowmatikError as error:
        print(error.message, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
