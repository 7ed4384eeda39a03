"""What every provider shares that is asked through Pydantic AI's direct interface."""

from flowmatik.integrations.direct.address import api_root, host_root
from flowmatik.integrations.direct.prices import ModelPrice, PriceList
from flowmatik.integrations.direct.provider import DirectProvider

__all__ = ["DirectProvider", "ModelPrice", "PriceList", "api_root", "host_root"]
