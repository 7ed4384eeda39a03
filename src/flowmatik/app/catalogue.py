"""The versions and bundles of an installation's agents, put together."""

from typing import TYPE_CHECKING

from flowmatik.app.settings import Settings
from flowmatik.contracts.database import Database
from flowmatik.contracts.factory import FactoryRules
from flowmatik.contracts.tools import Effect, ToolBox
from flowmatik.kernel.clock import Clock

if TYPE_CHECKING:
    from flowmatik.agents import StoredBundles, StoredCatalogue, StoredFactory, StoredVersions


def versions_of(catalogue: "StoredCatalogue", clock: Clock) -> "StoredVersions":
    from flowmatik.agents import StoredVersions

    return StoredVersions(catalogue, clock)


def factory_of(
    database: Database, catalogue: "StoredCatalogue", tools: ToolBox, clock: Clock, settings: Settings
) -> "StoredFactory":
    """It composes nobody unless it is asked, which it is only where the settings turn it on."""
    from flowmatik.agents import StoredFactory, StoredTemplates

    rules = FactoryRules(
        enabled=settings.factory,
        skills=settings.factory_skills,
        tools=settings.factory_tools,
        effect=Effect(settings.factory_effect),
        task_micros=settings.factory_task_micros,
        most_a_day=settings.factory_a_day,
        floor_percent=settings.factory_floor,
    )
    versions, templates = versions_of(catalogue, clock), StoredTemplates(database, catalogue, clock)
    return StoredFactory(database, catalogue, versions, templates, tools, clock=clock, installation=rules)


def bundles_of(
    catalogue: "StoredCatalogue", versions: "StoredVersions", clock: Clock, settings: Settings
) -> "StoredBundles":
    """Signed by the key of the home, which is made when it is first needed."""
    from flowmatik.agents import StoredBundles
    from flowmatik.security import InstallationKey, signature_holds

    return StoredBundles(catalogue, versions, clock, InstallationKey(settings.keys), signature_holds)
