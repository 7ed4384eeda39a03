"""Another process at the files of an index: `python -m … NAME FOLDER ROLE`. It says on its standard output
what it has done, a line each."""

import asyncio
import sys
from pathlib import Path

from flowmatik.kernel.errors import FlowmatikError
from tests.contracts.plugins.vector_indexes.corpus import DIMENSION, EMBEDDER, rows
from tests.contracts.plugins.vector_indexes.makers import MAKERS

BATCH = 50


async def main(name: str, folder: Path, role: str) -> None:
    index = next(maker for maker in MAKERS if maker.name == name).made(folder)
    try:
        if role == "read":
            found = await index.search("default", rows(1)[0].vector, 100)
            print("found", len(found), flush=True)
        else:
            await index.prepare("default", EMBEDDER, DIMENSION)
            for batch in range(1, 10_000):
                await index.upsert("default", rows(BATCH * batch, seed=5)[-BATCH:])
                await index.advance("default", batch)
                print("wrote", batch, flush=True)
    except FlowmatikError as error:
        print("refused", error.code, flush=True)
    await index.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
