"""What was forgotten stays out of a source's syncs until somebody asks for that very document."""

from collections.abc import Callable
from pathlib import Path

from flowmatik.contracts.memory_care import ErasureRequest
from flowmatik.memory import StoredMemoryCare
from tests.contracts.sources.conftest import ME, Setting, W, counted

Docs = Callable[[str, str], Path]


async def retried(at: Setting, *paths: str) -> dict[str, int]:
    begun = await at.sources.retry(ME, "docs", paths)
    await at.sources.settled()
    return counted(await at.sources.report(ME, "docs", begun.id))


async def test_it_is_a_dead_letter_when_it_changes_and_comes_back_when_it_is_retried_by_its_path(
    at: Setting, docs: Docs
) -> None:
    docs("ana.md", "# Staff\n\nAna Zurbarán joined in 2019.")
    docs("pump.md", "# Pump\n\nThe pump is blue.")
    await at.added("folder", path=str(at.folder / "docs"))
    assert counted(await at.synced()) == {"added": 2}
    care = StoredMemoryCare(at.memory, at.clock)
    await care.forget(W, ErasureRequest(subject=("Ana Zurbarán",)), by=ME.id)
    assert counted(await at.synced()) == {"unchanged": 2}

    docs("ana.md", "# Staff\n\nAna Zurbarán left in 2024, and that is all.")
    assert counted(await at.synced()) == {"unchanged": 1, "failed": 1}
    (failure,) = await at.sources.failures(ME, "docs")
    assert (failure.path, failure.code, failure.retryable) == ("ana.md", "document.forgotten", False)
    assert counted(await at.synced()) == {"unchanged": 2}
    assert await retried(at) == {"unchanged": 2}, "all of them are not this one"
    assert await at.names() == {"docs/pump.md"}

    assert await retried(at, "ana.md") == {"added": 1, "unchanged": 1}
    assert await at.names() == {"docs/ana.md", "docs/pump.md"}
    docs("ana.md", "# Staff\n\nAna Zurbarán came back in 2025, after all of that.")
    assert counted(await at.synced()) == {"updated": 1, "unchanged": 1}
