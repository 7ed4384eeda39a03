"""The server as a context manager."""

from flowmatik.testing.anthropic_server.app import routes
from flowmatik.testing.model_server.desk import Orders
from flowmatik.testing.model_server.limits import Limits
from flowmatik.testing.model_server.serving import ScriptedServer
from flowmatik.testing.model_server.steps import Step
from flowmatik.testing.model_server.weather import Weather


class AnthropicServer(ScriptedServer):
    """A context manager. `base_url` has no path, as the vendor's client wants it; `calls` are the requests
    for messages so far, without keys.

    Raises Unavailable when the port is taken.
    """

    def __init__(
        self,
        *script: Step,
        key: str = "",
        port: int = 0,
        weather: Weather | None = None,
        limits: Limits | None = None,
    ) -> None:
        orders = Orders(
            script=script or (Step(),),
            key=key,
            weather=weather or Weather(),
            limits=limits or Limits(),
        )
        super().__init__(routes, orders, port=port)

    @property
    def base_url(self) -> str:
        return self.address


def made(orders: Orders, port: int, shared: bool) -> ScriptedServer:
    return ScriptedServer(routes, orders, port=port, shared=shared)
