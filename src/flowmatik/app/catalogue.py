"""The versions and bundles of an installation's agents, put together."""

from typing import TYPE_CHECKING

from flowmatik.app.settings import Settings
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.agents import StoredBundles, StoredCatalogue, StoredVersions


def versions_of(catalogue: "StoredCatalogue", clock: Clock) -> "StoredVersions":
    from flowmatik.agents import StoredVersions

    return StoredVersions(catalogue, clock)


def bundles_of(
    catalogue: "StoredCatalogue", versions: "StoredVersions", clock: Clock, settings: Settings
) -> "StoredBundles":
    """Signed by the key of the home, which is made when it is first needed."""
    from flowmatik.agents import StoredBundles
    from flowmatik.security import InstallationKey, signature_holds

    return StoredBundles(catalogue, versions, clock, InstallationKey(settings.keys), signature_holds)
