"""The HTTP gateway: adapts the modules' ports to REST and SSE, and nothing more."""

from flowmatik.api.application import ApiServices, create_app, create_operations_app

__all__ = ["ApiServices", "create_app", "create_operations_app"]
