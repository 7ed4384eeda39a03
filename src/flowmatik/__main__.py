"""The program. `--version` is answered before anything heavy is imported."""

import sys

from flowmatik import __version__

VERSION_REQUESTS = (["--version"], ["-V"], ["version"])


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    if arguments in VERSION_REQUESTS:
        sys.stdout.write(f"flowmatik {__version__}\n")
        return
    try:
        from flowmatik.app.cli.main import run_cli

        code = run_cli(arguments)
    except KeyboardInterrupt:  # while loading, or a second time
        code = 130
    raise SystemExit(code)


if __name__ == "__main__":
    main()
