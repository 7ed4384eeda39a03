"""AWS's client; the only file that imports it."""

import asyncio
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    InvalidEndpointConfigurationError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)
from botocore.session import Session
from botocore.tokens import FrozenAuthToken
from pydantic_ai.models import Model
from pydantic_ai.models.bedrock import BedrockConverseModel
from pydantic_ai.providers.bedrock import BedrockProvider

from flowmatik.contracts.models import ModelRequest
from flowmatik.integrations.direct.client import CONNECT_SECONDS
from flowmatik.integrations.direct.schemas import is_closed
from flowmatik.integrations.provider import ProviderBuild, ProviderSettings

# Cache points after the tools, after the instructions and at the end, for the models that know them; what is
# shorter than the model's least is not kept
# (https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html).
KEEP = {
    "bedrock_cache_tool_definitions": True,
    "bedrock_cache_instructions": True,
    "bedrock_cache_messages": True,
}


class BedrockVendor:
    """A Vendor. AWS's client blocks, so that its calls run in threads; Converse knows no idempotency keys."""

    unsent = (
        InvalidEndpointConfigurationError,
        NoCredentialsError,
        PartialCredentialsError,
        TokenRetrievalError,
    )

    def __init__(self, build: ProviderBuild, root: str) -> None:
        settings = build.settings
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=settings.timeout,
            retries={"total_max_attempts": 1, "mode": "standard"},
            signature_version="bearer" if settings.api_key else None,
        )
        session: Any = _session(settings)
        self._client: Any = session.client("bedrock-runtime", config=config, endpoint_url=root or None)
        self._provider = BedrockProvider(bedrock_client=self._client)

    def model(self, name: str) -> Model:
        return BedrockConverseModel(name, provider=self._provider)

    def settings(self, request: ModelRequest) -> dict[str, Any]:
        return dict(KEEP) if request.again else {}

    def native_schema(self, request: ModelRequest) -> bool:
        """Structured outputs close every object; one that is open would come back empty."""
        return is_closed(request.output_schema)

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)


class _BearerSession(Session):
    """Credentials are the Bedrock API key alone, whatever AWS's own chain would find."""

    token = ""

    def get_auth_token(self, **options: Any) -> FrozenAuthToken:
        del options
        return FrozenAuthToken(self.token)

    def get_credentials(self) -> None:
        return None


def _session(settings: ProviderSettings) -> boto3.Session:
    region = settings.region or None
    if settings.api_key:
        bearer = _BearerSession()
        bearer.token = settings.api_key
        return boto3.Session(botocore_session=bearer, region_name=region)
    return boto3.Session(
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=settings.secret_key or None,
        aws_session_token=settings.session_token or None,
        region_name=region,
    )
