"""Redis, where the settings name one."""

from contextlib import AsyncExitStack

from flowmatik.app.settings import Settings
from flowmatik.contracts.streams import Streams


def streams_of(settings: Settings, stack: AsyncExitStack) -> Streams | None:
    """Closed with `stack`. It need not answer now: nothing depends on it but how soon processes hear of one
    another. Raises ConfigurationError for an address that cannot be used."""
    if not settings.redis_url:
        return None
    from flowmatik.stores.redis import open_streams

    streams = open_streams(settings.redis_url)
    stack.push_async_callback(streams.close)
    return streams
