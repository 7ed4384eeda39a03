"""Everything that the command line library says, in the person's language: commands carry text keys
that are filled in here, and its frames and faults are said anew."""

from collections.abc import Mapping
from typing import Any, cast

import typer
from pydantic import ValidationError
from typer._click import exceptions

from flowmatik.app.texts import LANGUAGES, Texts
from flowmatik.kernel.errors import FlowmatikError, InvalidInput
from flowmatik.kernel.fields import field_faults

PREFIX = "help."
FRAMES = {
    "ARGUMENTS_PANEL_TITLE": "frame.arguments",
    "OPTIONS_PANEL_TITLE": "frame.options",
    "COMMANDS_PANEL_TITLE": "frame.commands",
    "DEFAULT_STRING": "frame.default",
    "REQUIRED_LONG_STRING": "frame.required",
}
OWN_OPTIONS = {
    "help": "help.help",
    "install_completion": "help.install_completion",
    "show_completion": "help.show_completion",
}


def localise(command: Any, text: Texts) -> None:
    """Replace every `help.…` key of a built command, its parameters and its subcommands.
    `command` is Typer's vendored Click command, which has no public type."""
    if isinstance(command.help, str) and command.help.strip().startswith(PREFIX):
        command.help = text(command.help.strip())
    for parameter in command.params:
        shown = getattr(parameter, "help", None)
        if isinstance(shown, str) and shown.startswith(PREFIX):
            parameter.help = text(shown)
        elif parameter.name in OWN_OPTIONS:
            parameter.help = text(OWN_OPTIONS[parameter.name])
    if (own := command.get_help_option(typer.Context(command))) is not None:
        own.help = text("help.help")
    _frame(command, text)
    for child in cast("Mapping[str, Any]", getattr(command, "commands", {})).values():
        localise(child, text)


def _frame(command: Any, text: Texts) -> None:
    """The line of usage, which the library puts together from words of its own."""
    command.options_metavar = text("frame.options_metavar")
    if hasattr(command, "subcommand_metavar"):
        command.subcommand_metavar = text("frame.subcommand_metavar")
    of_library = command.get_usage

    def usage(context: Any) -> str:
        return str(of_library(context)).replace("Usage:", f"{text('frame.usage')}:", 1)

    help_of_library = command.format_help

    def framed(context: Any, formatter: Any) -> None:
        from typer import rich_utils  # the library imports it for help alone, and much of Rich with it

        for name, key in FRAMES.items():
            setattr(rich_utils, name, text.template(key))
        help_of_library(context, formatter)

    command.get_usage = usage
    command.format_help = framed


def usage_fault(error: exceptions.ClickException, text: Texts) -> FlowmatikError:
    """What is wrong with the command line, and where its help is."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "flowmatik"
    key, values = _usage(error, text)
    message = text.said(f"usage.{key}", values, error.format_message())
    return InvalidInput(
        text("usage.help", message=message, command=command), code="input.usage", context={"said_by": "usage"}
    )


def unknown_language(language: str, text: Texts) -> FlowmatikError:
    values = {"name": "--lang", "value": repr(language), "choices": ", ".join(LANGUAGES)}
    message = text("usage.choice", **values)
    return InvalidInput(
        text("usage.help", message=message, command="flowmatik"),
        code="input.usage",
        context={"said_by": "usage"},
    )


def _usage(error: exceptions.ClickException, text: Texts) -> tuple[str, dict[str, object]]:
    match error:
        case exceptions.NoSuchOption():
            return "option", {"option": error.option_name}
        case exceptions.BadOptionUsage():
            key = "flag" if error.message.endswith("does not take a value.") else "argument"
            return key, {"option": error.option_name}
        case exceptions.MissingParameter():
            return "missing", {"name": _name(error)}
        case exceptions.BadParameter():
            return _unusable(error, text)
        case _ if error.message.startswith("No such command"):
            return "command", {"command": error.message.split("'")[1]}
        case _ if error.message.startswith("Got unexpected extra argument"):
            return "extra", {"arguments": error.message.partition(") (")[2].removesuffix(")")}
        case _:
            return "other", {"said": error.format_message()}


def _unusable(error: exceptions.BadParameter, text: Texts) -> tuple[str, dict[str, object]]:
    name, cause = _name(error), error.__cause__
    details = cause.errors() if isinstance(cause, ValidationError) else []
    if not details:
        return "value", {"name": name, "said": error.message}
    detail, fault = details[0], field_faults(details)[0]
    values: dict[str, object] = {"name": name, "value": repr(detail["input"])}
    _, one_of, choices = fault["text"].partition("is not one of ")
    if one_of:
        return "choice", values | {"choices": choices.rstrip(".").replace("'", "")}
    return "value", values | {"said": text.said(f"detail.{fault['code']}", fault["values"], fault["text"])}


def _name(error: exceptions.BadParameter) -> str:
    if error.param is None:
        return str(error.param_hint or "")
    return str(cast("Any", error.param).get_error_hint()).strip("'")
