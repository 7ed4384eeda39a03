"""OpenAPI documents as tools: one for each operation."""

from flowmatik.agents.openapi.box import Api, OpenApiBox, spec_of
from flowmatik.agents.openapi.config import OpenApi, OpenApis
from flowmatik.agents.openapi.document import Document, read_document
from flowmatik.agents.openapi.operations import Operation, OperationFault, operations_of

__all__ = [
    "Api",
    "Document",
    "OpenApi",
    "OpenApiBox",
    "OpenApis",
    "Operation",
    "OperationFault",
    "operations_of",
    "read_document",
    "spec_of",
]
