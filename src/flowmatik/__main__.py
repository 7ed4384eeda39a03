"""The program. `--version` is answered before anything heavy is imported."""

import sys

from flowmatik import __version__
from flowmatik.kernel.garbage import collect_seldom
from flowmatik.kernel.products import one_thread_a_product

VERSION_REQUESTS = (["--version"], ["-V"], ["version"])


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = sys.argv[1:]
    if [argument for argument in arguments if argument != "--json"] in VERSION_REQUESTS:
        told = f'{{"version":"{__version__}"}}' if "--json" in arguments else f"flowmatik {__version__}"
        sys.stdout.write(f"{told}\n")
        return
    collect_seldom()
    one_thread_a_product()
    try:
        from flowmatik.app.cli.main import run_cli

        code = run_cli(arguments)
    except KeyboardInterrupt:  # while loading, or a second time
        code = 130
    raise SystemExit(code)


if __name__ == "__main__":
    main()
