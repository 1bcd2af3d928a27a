"""What was typed and cannot be read: the parser's complaints as our sentences.

The parser is Click, which some versions of Typer bring along under another name and with other
insides. Its exceptions are therefore told apart by their names, and what they lack is read off the
command's signature and the arguments typed.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer

from innerloop.errors import InputError, did_you_mean, not_one_of

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
NO_COMMAND = "NoArgsIsHelpError"  # a group of commands without a command: its help is the answer

KINDS = {  # in English and Chinese, and an example
    int: ("a whole number", "整数", "3"),
    float: ("a number", "数字", "0.5"),
}


def explained(error: Any, arguments: Sequence[str]) -> InputError:
    """The sentence for one of Click's usage errors."""
    explain = EXPLANATIONS.get(type(error).__name__, other)
    return explain(error, arguments) or as_it_is(error)


def no_such_option(error: Any, arguments: Sequence[str]) -> InputError:
    has = sorted(
        {o for p in error.ctx.command.get_params(error.ctx) for o in p.opts if o[0] == "-"}
    )
    en, zh = did_you_mean(error.option_name, has)
    where, listed = error.ctx.command_path, ", ".join(has)
    return InputError(
        f"{where} has no option {error.option_name}; it has {listed}{en}",
        f"{where} 没有选项 {error.option_name}；可用的有 {listed}{zh}",
    )


def missing(error: Any, arguments: Sequence[str]) -> InputError:
    where, name = error.ctx.command_path, name_of(error.param)
    about = getattr(error.param, "help", None)
    inside = f" ({about.rstrip('.。')})" if about else ""
    return InputError(
        f"{where} needs {name}{inside}; write {where} {name}, see --help.",
        f"{where} 需要 {name}{inside}；请写成 {where} {name}，参见 --help。",
    )


def without_value(error: Any, arguments: Sequence[str]) -> InputError:
    if "does not take a value" in error.message:
        name = error.option_name
        return InputError(
            f"{name} is a switch and takes no value; write {name} alone.",
            f"{name} 是开关，不带值；请只写 {name}。",
        )
    return needs_value(error.option_name)


def needs_value(name: str) -> InputError:
    return InputError(
        f"{name} needs a value; write {name} VALUE.", f"{name} 需要一个值；请写成 {name} VALUE。"
    )


def bad_value(error: Any, arguments: Sequence[str]) -> InputError | None:
    if error.param is None:
        return None
    name, kind = name_of(error.param), kind_of(error.param, error.ctx)
    value = typed(error.param, arguments)
    if value.startswith("--"):  # the next option was taken for it
        return needs_value(name)
    if get_origin(kind) is Literal:
        return not_one_of(name, get_args(kind), value)
    if kind not in KINDS:
        return None
    en, zh, example = KINDS[kind]
    return InputError(
        f"{name} must be {en}, got {value!r}; write {name} {example}, say.",
        f"{name} 必须是{zh}，收到 {value!r}；例如 {name} {example}。",
    )


def other(error: Any, arguments: Sequence[str]) -> InputError | None:
    """A command that does not exist, or an argument too many."""
    if error.ctx is None:
        return None
    if found := re.match(r"No such command ['\"](.*?)['\"]\.", error.message):
        commands = getattr(error.ctx.command, "commands", ())
        return not_one_of(f"{error.ctx.command_path} COMMAND", commands, found[1])
    if found := re.search(r"unexpected extra argument(?:s|\(s\))? \((.*)\)", error.message):
        return InputError(
            f"{found[1]!r} is not expected here; {error.ctx.command_path} --help shows what is.",
            f"此处不应出现 {found[1]!r}；用法参见 {error.ctx.command_path} --help。",
        )
    return None


def as_it_is(error: Any) -> InputError:
    """What this version of Click says and we do not know."""
    text = " ".join(error.format_message().split()).rstrip(".")
    where = error.ctx.command_path if getattr(error, "ctx", None) else "innerloop"
    return InputError(
        f"{text}; {where} --help shows how it is written.",
        f"{text}；写法参见 {where} --help。",
    )


def name_of(parameter: Any) -> str:
    """--steps, or RUN for an argument."""
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name).upper()
    return str(max(parameter.opts, key=len))


def kind_of(parameter: Any, context: Any) -> Any:
    """The type that the command's signature gives a parameter, None apart."""
    hint = get_type_hints(inspect.unwrap(context.command.callback)).get(parameter.name)
    kinds = [k for k in get_args(hint) if k is not NoneType]
    return kinds[0] if kinds and get_origin(hint) is not Literal else hint


def typed(parameter: Any, arguments: Sequence[str]) -> str:
    """The value that was typed for an option: the last one counts."""
    for at in reversed(range(len(arguments))):
        name, equals, value = arguments[at].partition("=")
        if name in parameter.opts:
            return value if equals or at + 1 == len(arguments) else arguments[at + 1]
    return ""


EXPLANATIONS: dict[str, Any] = {
    "NoSuchOption": no_such_option,
    "MissingParameter": missing,
    "BadOptionUsage": without_value,
    "BadParameter": bad_value,
}
