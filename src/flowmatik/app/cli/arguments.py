"""Global options may stand anywhere on the line; Typer wants them first, so they are moved."""

from collections.abc import Sequence

FLAGS = frozenset({"--json", "--debug"})
WITH_VALUE = frozenset({"--home", "--lang", "--url", "--api-key"})


def globals_first(arguments: Sequence[str]) -> list[str]:
    """`arguments` with the global options in front, up to a `--`."""
    moved: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if argument == "--":
            rest += arguments[position:]
            break
        name = argument.partition("=")[0]
        if argument in FLAGS or (name in WITH_VALUE and "=" in argument):
            moved.append(argument)
        elif argument in WITH_VALUE:
            moved += arguments[position : position + 2]
            position += 1
        else:
            rest.append(argument)
        position += 1
    return moved + rest


def value_of(option: str, arguments: Sequence[str]) -> str | None:
    """The last value given for a global option, before anything is parsed."""
    found = None
    for position, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument == option and position + 1 < len(arguments):
            found = arguments[position + 1]
        elif argument.startswith(f"{option}="):
            found = argument.partition("=")[2]
    return found


def command_of(arguments: Sequence[str]) -> str:
    """The first word that is no global option, nor the value of one; "" when there is none."""
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in WITH_VALUE else 1
    return arguments[position] if position < len(arguments) else ""
