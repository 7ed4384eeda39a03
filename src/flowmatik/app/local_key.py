"""The API key of the local administrator, as its file holds it."""

from pathlib import Path

from flowmatik.app.settings import Settings


def token_path(settings: Settings) -> Path:
    return settings.keys / "local-token"


def token_in(path: Path) -> str:
    """ "" when there is none that this user may read. Blocking."""
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def local_key_id(settings: Settings) -> str:
    """Whose key the token is, "" as above."""
    named = token_in(token_path(settings)).removeprefix("fmk_").partition("_")[0]
    return f"key_{named}" if named else ""
