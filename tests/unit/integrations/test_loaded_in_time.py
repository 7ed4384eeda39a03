"""A vendor's library is loaded in a thread, whole, and is not looked through for garbage afterwards."""

import subprocess
import sys

CALL = """
import asyncio, gc, sys
from flowmatik.integrations.models.gateway import provider_plugins
from flowmatik.integrations.provider import ProviderBuild, ProviderSettings
from flowmatik.contracts.models import Message, ModelRequest
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ModelError
from flowmatik.kernel.garbage import collect_rarely

SERVES, ON_LOOP = sys.argv[1] == "serves", "anyio._backends._asyncio"

class Threads:
    def find_spec(self, name, path=None, target=None):
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return None
        imported.append(name)

async def main():
    settings = ProviderSettings(base_url="http://127.0.0.1:9/v1", api_key="k", attempts=1)
    build = ProviderBuild(id="far", settings=settings, clock=SystemClock())
    provider = provider_plugins().build("openai_compatible", build)
    if SERVES:
        collect_rarely()
    sys.meta_path.insert(0, Threads())
    try:
        await provider.complete(ModelRequest(model="far/m", messages=(Message(role="user", content="hi"),)))
    except ModelError as error:
        print(error.code)
    await provider.close()

imported = []
asyncio.run(main())
print(sum(name.startswith(("openai", "pydantic_ai", "genai_prices", "flowmatik")) for name in imported))
print(len(gc.get_objects()), gc.get_freeze_count())
"""


def _called(kind: str) -> tuple[str, int, int, int]:
    """The error of a first call to a closed port, how many modules of note it loaded on the loop, how many
    objects a collection looks through, and how many it leaves out."""
    done = subprocess.run(
        [sys.executable, "-c", CALL, kind], capture_output=True, text=True, check=True, timeout=120
    )
    code, on_loop, counts = done.stdout.split("\n")[:3]
    looked_through, frozen = counts.split()
    return code, int(on_loop), int(looked_through), int(frozen)


def test_in_a_process_that_serves_a_full_collection_leaves_the_vendors_library_out() -> None:
    code, on_loop, looked_through, frozen = _called("serves")

    assert code.startswith("model.unavailable")
    assert on_loop == 0  # whoever else is served does not wait for an import
    assert looked_through < 20_000
    assert frozen > 100_000


def test_a_command_that_ends_soon_freezes_nothing() -> None:
    code, on_loop, _, frozen = _called("ends")

    assert code.startswith("model.unavailable")
    assert on_loop == 0
    assert frozen == 0
