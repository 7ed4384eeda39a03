"""What could not take part in an answer as it should have, in the caller's language."""

from collections.abc import Iterable
from dataclasses import replace

from fastapi import Request

from flowmatik.api.problems import language_of
from flowmatik.api.services import ApiServices
from flowmatik.contracts.memory import Notice


def told(request: Request, at: ApiServices, notices: Iterable[Notice]) -> tuple[Notice, ...]:
    language = language_of(request)
    return tuple(
        replace(one, text=at.words(language, "fault", one.code, one.values, one.text)) for one in notices
    )
