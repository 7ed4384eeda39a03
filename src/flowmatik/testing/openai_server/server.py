"""The server as a context manager."""

from collections.abc import Sequence
from typing import Any

from flowmatik.testing.model_server.desk import Orders
from flowmatik.testing.model_server.limits import Limits
from flowmatik.testing.model_server.serving import ScriptedServer
from flowmatik.testing.model_server.steps import Step
from flowmatik.testing.model_server.weather import Weather
from flowmatik.testing.openai_server.app import routes


class OpenAIServer(ScriptedServer):
    """A context manager. `base_url` ends in `/v1`; `calls` are the requests for completions so far,
    `embedded` those for embeddings, without keys. Each kind has its own script.

    Raises Unavailable when the port is taken.
    """

    def __init__(
        self,
        *script: Step,
        embeddings: Sequence[Step] = (),
        key: str = "",
        port: int = 0,
        weather: Weather | None = None,
        limits: Limits | None = None,
    ) -> None:
        orders = Orders(
            script=script or (Step(),),
            embeddings=embeddings or (Step(),),
            key=key,
            weather=weather or Weather(),
            limits=limits or Limits(),
        )
        super().__init__(routes, orders, port=port)

    @property
    def base_url(self) -> str:
        return f"{self.address}/v1"

    @property
    def embedded(self) -> Sequence[dict[str, Any]]:
        with self._desk.lock:
            return tuple(self._desk.embedded)


def made(orders: Orders, port: int, shared: bool) -> ScriptedServer:
    return ScriptedServer(routes, orders, port=port, shared=shared)
