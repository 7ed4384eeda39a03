"""The schema revisions as Alembic knows them: which there are, and the SQL between two of them."""

import io
from pathlib import Path
from typing import Any, cast

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from flowmatik.kernel.errors import ConfigurationError


def _config(dialect: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("dialect", dialect)
    return config


def head() -> str | None:
    """The newest revision that the scripts know."""
    return ScriptDirectory.from_config(_config("sqlite")).get_current_head()


def is_known(revision: str) -> bool:
    return revision in _known(ScriptDirectory.from_config(_config("sqlite")))


def _known(scripts: ScriptDirectory) -> set[str]:
    return {revision.revision for revision in scripts.walk_revisions()}


def script(dialect: str, applied: str | None) -> str:
    """The SQL from `applied` to the newest revision; "" when there is nothing to do. ConfigurationError
    when this program does not know `applied`."""
    config = _config(dialect)
    scripts = ScriptDirectory.from_config(config)
    if applied is not None and applied not in _known(scripts):
        raise ConfigurationError(
            f"the database has schema revision {applied!r}, which this Flowmatik does not know: "
            "a newer version made it. Use that version, or restore a backup",
            code="config.revision",
            context={"revision": applied},
        )
    newest = scripts.get_current_head()
    if applied == newest:
        return ""
    output = io.StringIO()

    def steps(revision: Any, _: Any) -> Any:
        return cast("Any", scripts)._upgrade_revs(newest, revision)  # what `alembic upgrade --sql` calls

    environment = EnvironmentContext(
        config,
        scripts,
        fn=steps,
        as_sql=True,
        starting_rev=applied,
        destination_rev=newest,
        output_buffer=output,
    )
    with environment:
        scripts.run_env()
    return output.getvalue()
