"""Help and usage errors in the terminal's language; Typer has only English ones."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

from typer import Abort, Typer
from typer.exceptions import TyperException
from typer.main import get_command, get_command_name
from typer.models import CommandInfo

from newsletter.cli.language import gettext, terminal_language, text
from newsletter.errors import ExitCode
from newsletter.i18n.catalogue import SOURCE_LANGUAGE
from newsletter.i18n.messages import Message, msg
from newsletter.i18n.values import Listing, Number

if TYPE_CHECKING:
    from types import ModuleType

#: The titles and symbols of Typer's help, by the names of its constants.
_OF_TYPER = {
    "ARGUMENTS_PANEL_TITLE": msg("Arguments"),
    "OPTIONS_PANEL_TITLE": msg("Options"),
    "COMMANDS_PANEL_TITLE": msg("Commands"),
    "ERRORS_PANEL_TITLE": msg("Error"),
    "ABORTED_TEXT": msg("Aborted."),
    "REQUIRED_LONG_STRING": msg("[required]"),
    "DEFAULT_STRING": msg("[default: {}]"),
    "RICH_HELP": msg("Try [blue]'{command_path} {help_option}'[/] for help."),
}
_HELP = msg("Show this message and exit.")
_USAGE = msg("Usage: ")
#: Placeholders in the usage line, by the attribute of commands.
_IN_USAGE = {
    "options_metavar": msg("[OPTIONS]"),
    "subcommand_metavar": msg("COMMAND [ARGS]..."),
}
#: Names of the types of values, by Typer's names.
_KINDS = {
    "str": msg("text"),
    "int": msg("number"),
    "int range": msg("number"),
    "float range": msg("number"),
    "file": msg("file"),
    "dir": msg("folder"),
    "path": msg("path"),
    "Path": msg("path"),
}
#: Replacements of strftime directives by a format that people know.
_DATE = {ord("%"): None, ord("Y"): "YYYY", ord("m"): "MM", ord("d"): "DD"}
_NO_COMMAND = re.compile(r"No such command '(.+?)'")
_MORE_ARGUMENTS = re.compile(r"Got unexpected extra argument\(s\) \((.+)\)", re.DOTALL)


def run(app: Typer) -> NoReturn:
    """Run the command line in the language of the terminal."""
    command: Any = command_for(app, sys.argv[1:])
    _prepare_help(command)
    try:
        code = command(standalone_mode=False)
    except TyperException as error:
        from typer.rich_utils import rich_format_error

        if terminal_language() is not SOURCE_LANGUAGE:
            translate(command)
        if worded := _worded(error):
            words = text(worded)
            setattr(error, "format_message", lambda: words)  # noqa: B010 - replaces a method of Typer
        # All usage errors are of this private type.
        rich_format_error(cast("Any", error))
        code = getattr(error, "exit_code", 2)
    except Abort:
        from typer.rich_utils import rich_abort_error

        if terminal_language() is not SOURCE_LANGUAGE:
            translate(command)
        rich_abort_error()
        code = ExitCode.STOPPED
    except SystemExit as end:
        # Typer exits like this if standard output was closed.
        code = ExitCode.UNREAD if isinstance(end.__context__, BrokenPipeError) else end.code
    sys.exit(code if isinstance(code, int) else 0)


def command_for(app: Typer, words: Sequence[str]) -> Any:  # noqa: ANN401 - Typer's types are private
    """Return the part of the application that a command line needs.

    Building the whole application and importing all validators takes longer than most commands.
    """
    at = 0
    while at < len(words) and words[at].startswith("--env-file"):
        at += 1 if "=" in words[at] else 2
    named = narrowed(app, words[at:])
    command: Any = get_command(named)
    if named is not app and not at:
        command.params = [each for each in command.params if each.name != "env_file"]
        for each in _commands(command):
            if (help_option := each.get_help_option(each.context_class(each))) is not None:
                help_option.default = False
    return command


def narrowed(app: Typer, words: Sequence[str]) -> Typer:
    """Return an application with only the given command; with all commands if none is given."""
    first = words[0] if words else ""
    groups = [copy(each) for each in app.registered_groups if each.name == first]
    commands = [each for each in app.registered_commands if _name(each) == first]
    if not groups and not commands:
        return app
    for group in groups:
        if group.typer_instance:
            group.typer_instance = narrowed(group.typer_instance, words[1:])
    chosen = copy(app)
    chosen.registered_groups, chosen.registered_commands = groups, commands
    return chosen


def _name(command: CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))


def _prepare_help(command: Any) -> None:  # noqa: ANN401 - Typer's types are private
    """Translate help only when it is requested, which saves time in all other cases."""
    for kind in {type(each) for each in _commands(command)}:
        kind.format_help = _in_own_words(command, kind.format_help)


def _in_own_words(command: Any, show: Callable[..., None]) -> Callable[..., None]:  # noqa: ANN401 - Typer's types are private
    def format_help(*values: object) -> None:
        name_kinds(command)
        if terminal_language() is not SOURCE_LANGUAGE:
            translate(command)
        show(*values)

    return format_help


def name_kinds(command: Any) -> None:  # noqa: ANN401 - Typer's types are private
    """Use readable names for the types of values: ``<text>`` instead of ``<str>``.

    Flags have no value, and their default is not shown.
    """
    for each in _commands(command):
        for param in (*each.params, each.get_help_option(each.context_class(each))):
            if param is not None:
                param.display_type_rich = partial(_kind, param, param.display_type)
                if getattr(param, "is_flag", False):
                    param.show_default = False


def _kind(param: Any, by_typer: Callable[..., str], ctx: Any) -> str | None:  # noqa: ANN401 - Typer's types are private
    if getattr(param, "is_flag", False):
        return None
    kind = by_typer(ctx).strip("<>")
    if kind.startswith("%"):
        return "<{}>".format(kind.partition("|")[0].translate(_DATE))
    several = kind.startswith("list[")
    kind = kind.removeprefix("list[").removesuffix("]")
    word = text(_KINDS[kind]) if kind in _KINDS else kind
    return f"<{word}> …" if several else f"<{word}>"


def help_texts(app: Typer) -> Iterator[str]:
    """Yield all texts in the help of all commands."""
    for holder, name in _helpful(get_command(app)):
        yield getattr(holder, name)


def translate(command: Any) -> None:  # noqa: ANN401 - Typer's types are private
    """Translate the help of a command and of its subcommands to the terminal's language."""
    from typer import rich_utils

    _break_words(rich_utils)
    for name, words in _OF_TYPER.items():
        setattr(rich_utils, name, text(words))
    for holder, name in _helpful(command):
        setattr(holder, name, gettext(getattr(holder, name)))
    _translate_usage(command.context_class.formatter_class)
    for each in _commands(command):
        for name, words in _IN_USAGE.items():
            if getattr(each, name, None) == words.text:
                setattr(each, name, text(words))
        option = each.get_help_option(each.context_class(each))
        if option is not None:
            option.help = text(_HELP)


def _translate_usage(formatter: Any) -> None:  # noqa: ANN401 - Typer's types are private
    write = formatter.write_usage

    def write_usage(self: object, program: str, arguments: str = "", prefix: str = "") -> None:
        write(self, program, arguments, prefix or text(_USAGE))

    formatter.write_usage = write_usage


def _break_words(rich_utils: ModuleType) -> None:
    """Allow line breaks within words in the help, since Japanese has no spaces."""
    from rich.columns import Columns
    from rich.table import Table
    from rich.text import Text

    class FoldingTable(Table):
        def add_row(self, *cells: Any, **more: Any) -> None:  # noqa: ANN401 - as in Rich
            super().add_row(*cells, **more)
            for column in self.columns:
                column.overflow = "fold"

    class FoldingColumns(Columns):
        def __init__(self, items: Any = None, *more: Any, **how: Any) -> None:  # noqa: ANN401
            for item in items or ():
                if isinstance(item, Text):
                    item.overflow = "fold"
            super().__init__(items, *more, **how)

    for name, kind in (("Table", FoldingTable), ("Columns", FoldingColumns)):
        setattr(rich_utils, name, kind)


def _commands(command: Any) -> Iterator[Any]:  # noqa: ANN401 - Typer's types are private
    yield command
    for inner in getattr(command, "commands", {}).values():
        yield from _commands(inner)


def _helpful(command: Any) -> Iterator[tuple[Any, str]]:  # noqa: ANN401 - Typer's types are private
    """Yield the objects with a help text, and the name of the attribute that contains it."""
    for each in _commands(command):
        for holder in (each, *each.params):
            for name in ("help", "rich_help_panel"):
                if getattr(holder, name, None):
                    yield holder, name


def _worded(error: TyperException) -> Message | str:
    """Return our text for a usage error; empty if Typer's English text is sufficient."""
    given: Any = error
    hint = given.param.get_error_hint() if getattr(given, "param", None) else ""
    match type(error).__name__:
        case "MissingParameter":
            return msg("{name} is missing.", name=hint)
        case "BadParameter":
            return _bad_value(hint, given)
        case "NoSuchOption":
            return _no_option(given.option_name, given.possibilities)
        case "BadOptionUsage":
            return msg("The option {name} is not used correctly.", name=given.option_name)
        case _:
            own = terminal_language() is not SOURCE_LANGUAGE
            return _by_words(error.format_message()) if own else ""


def _no_option(name: str, possibilities: Sequence[str] | None) -> Message:
    if not possibilities:
        return msg("There is no option {name}.", name=name)
    near = Listing(tuple(sorted(possibilities)))
    return msg("There is no option {name}. Similar: {near}.", name=name, near=near)


def _by_words(message: str) -> Message:
    if match := _NO_COMMAND.match(message):
        return msg("There is no command {name}.", name=match[1])
    if match := _MORE_ARGUMENTS.match(message):
        return msg("These arguments are not expected: {names}", names=match[1])
    return msg("The command is incomplete or not correct.")


def _bad_value(hint: str, error: Any) -> Message | str:  # noqa: ANN401 - Typer's types are private
    if error.param is None or not error.message.isascii():
        # This error is ours and already translated.
        return str(error.message)
    choices = getattr(getattr(error.param, "type_descriptor", None), "choices", None)
    if choices:
        names = Listing(tuple(str(getattr(each, "value", each)) for each in choices))
        return msg("The value of {name} must be one of: {names}.", name=hint, names=names)
    kind = str(error.param.bare_type())
    if kind in {"int", "float"}:
        return _number(hint, error.param.min, error.param.max)
    for said, reason in _PATHS.items():
        if said in error.message:
            return msg("{name} cannot be used: {reason}.", name=hint, reason=reason)
    return msg("The value of {name} is not valid.", name=hint)


def _number(name: str, least: float | None, most: float | None) -> Message:
    limits = {"name": name, "least": Number(least or 0), "most": Number(most or 0)}
    match least is None, most is None:
        case False, False:
            return msg("{name} must be a number from {least} to {most}.", **limits)
        case False, True:
            return msg("{name} must be a number of at least {least}.", **limits)
        case True, False:
            return msg("{name} must be a number of at most {most}.", **limits)
        case _:
            return msg("{name} must be a number.", **limits)


#: Our texts for Typer's errors about paths.
_PATHS = {
    "does not exist": msg("there is no such file or folder"),
    "is a file": msg("it is a file, not a folder"),
    "is a directory": msg("it is a folder"),
    "is not readable": msg("access is not permitted"),
}
