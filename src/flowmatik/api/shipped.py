"""What comes with the product says what it is in the caller's language."""

from dataclasses import replace
from typing import TypeVar

from fastapi import Request

from flowmatik.api.problems import language_of
from flowmatik.api.services import ApiServices
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.templates import AgentTemplate, TemplateParameter

One = TypeVar("One", AgentVersion, TemplateParameter, AgentTemplate)


def summary(request: Request, at: ApiServices, said: str) -> str:
    """As it is, where somebody else wrote it."""
    return at.words(language_of(request), "shipped", "", {}, said)


def told(request: Request, at: ApiServices, one: One) -> One:
    return replace(one, summary=summary(request, at, one.summary))


def template(request: Request, at: ApiServices, one: AgentTemplate) -> AgentTemplate:
    return replace(
        told(request, at, one), parameters=tuple(told(request, at, each) for each in one.parameters)
    )
