"""The application whose description says of every amount in which currency it is."""

from typing import Any

from fastapi import FastAPI

AMOUNT = "Millionths of a US dollar."


class DescribedApp(FastAPI):
    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            described = super().openapi()
            for schema in described["components"]["schemas"].values():
                for name, field in schema.get("properties", {}).items():
                    if name.endswith("_micros"):
                        field.setdefault("description", AMOUNT)
        return super().openapi()
