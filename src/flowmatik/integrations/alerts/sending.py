"""Sends one alert to one address, signed, and says what came of it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from flowmatik.contracts.alerts import SECRETS, AlertHook
from flowmatik.integrations.alerts.signing import signed
from flowmatik.integrations.alerts.words import Say, body_of
from flowmatik.kernel.addresses import origin_of
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import FlowmatikError, ToolError
from flowmatik.kernel.events import CloudEvent

SECONDS = 10.0
AGENT = "Flowmatik-Alerts/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """`error` is a code and `message` its English, "" for what was taken."""

    status: int = 0
    error: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """`http(private)` opens a client that follows nothing and, unless `private`, connects to no private
    network; `value_of` gives what a reference stands for (ConfigurationError); `say` says an alert in a
    language."""

    http: Callable[[bool], httpx.AsyncClient]
    value_of: Callable[[str], str]
    say: Say
    clock: Clock

    async def send(self, hook: AlertHook, event: CloudEvent) -> Sent:
        """Within SECONDS. The answer's body is not read. Neither the address nor what it is signed with is in
        what this says."""
        try:
            url = self.value_of(hook.url) if hook.url.startswith(SECRETS) else hook.url
            secret = self.value_of(hook.secret)
            if origin_of(url)[0] != "https" and not hook.allow_private:
                return Sent(error="alert.plain", message="the address is not https")
            body = body_of(event, hook.language, self.say)
            headers = {
                "content-type": "application/json",
                "user-agent": AGENT,
                **signed(secret, event.id, int(self.clock.now().timestamp()), body),
            }
            async with (
                asyncio.timeout(SECONDS),
                self.http(hook.allow_private) as client,
                client.stream("POST", url, content=body, headers=headers) as answer,
            ):
                return _of(answer.status_code)
        except (TimeoutError, httpx.TimeoutException):
            return Sent(error="alert.timeout", message=f"no answer within {SECONDS:g} s")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Sent(error="alert.unreachable", message=type(error).__name__)
        except ValueError:
            return Sent(error="alert.address", message="what the reference stands for is no address")
        except ToolError as error:  # its words name the host, which may be a secret
            return Sent(error=error.code, message="the address is in a private network; see allow_private")
        except FlowmatikError as error:  # a reference that stands for nothing
            return Sent(error=error.code, message=error.message)


def _of(status: int) -> Sent:
    if 200 <= status < 300:
        return Sent(status=status)
    return Sent(status=status, error="alert.status", message=f"the answer was {status}")
