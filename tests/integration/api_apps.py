"""The API with only those services behind it that a test is about."""

from dataclasses import MISSING, fields
from typing import Any

from fastapi import FastAPI

from flowmatik.api import ApiServices, create_app


def app_with(**given: Any) -> FastAPI:
    """Fields of `ApiServices`; one that must be there and is not given fails whoever uses it."""
    needed = (
        one.name for one in fields(ApiServices) if one.default is MISSING and one.default_factory is MISSING
    )
    absent: dict[str, Any] = dict.fromkeys(needed)
    return create_app(ApiServices(**{**absent, **given}))
