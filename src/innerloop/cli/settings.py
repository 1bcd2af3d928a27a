"""An algorithm's settings as command-line options: read off its constructor, never listed twice."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from innerloop import losses
from innerloop.algorithms import ALGORITHMS
from innerloop.errors import InputError, did_you_mean, not_one_of
from innerloop.inner import THROUGH, truncated
from innerloop.inner.through import Through
from innerloop.losses import InnerLoss, Loss
from innerloop.outer.learner import settings_of
from innerloop.recipes.build import imported

LOSSES = {
    "mse": losses.mse,
    "cross_entropy": losses.cross_entropy,
    "binary_cross_entropy": losses.binary_cross_entropy,
}


def read_settings(algorithm: str, arguments: list[str], others: list[str]) -> dict[str, Any]:
    """["--inner-lr", "0.4"] -> {"inner_lr": 0.4}, by the constructor's signature.

    others: the command's own options, for a hint where one was misspelt.
    """
    constructor = constructor_of(algorithm)
    hints = get_type_hints(constructor)
    settings: dict[str, Any] = {}
    for option, text in pairs(arguments):
        name = option.lstrip("-").replace("-", "_")
        if name not in settings_of(constructor):
            raise unknown_option(option, algorithm, others)
        settings[name] = convert(option, text, hints[name])
    return settings


def constructor_of(algorithm: str) -> Callable[..., Any]:
    if algorithm not in ALGORITHMS:
        raise not_one_of("--algorithm", ALGORITHMS, algorithm)
    return ALGORITHMS[algorithm]


def pairs(arguments: list[str]) -> Iterator[tuple[str, str | None]]:
    """Options with their values; an option that another option follows has none (a flag)."""
    waiting: str | None = None
    for argument in arguments:
        if argument.startswith("--"):
            if waiting:
                yield waiting, None
            waiting, _, value = argument.partition("=")
            if value:
                yield waiting, value
                waiting = None
        elif waiting:
            yield waiting, argument
            waiting = None
        else:
            raise InputError(
                f"{argument!r} is not expected here; options begin with --, see --help.",
                f"此处不应出现 {argument!r}；选项以 -- 开头，参见 --help。",
            )
    if waiting:
        yield waiting, None


def convert(option: str, text: str | None, hint: Any) -> Any:
    """The text of one option as the type that the constructor asks for."""
    kinds = kinds_of(hint)
    if hint == Through:
        return by_name(option, text, {**THROUGH, **truncations(text)}, "truncated(N)")
    if hint in (Loss, Loss | None, InnerLoss | None):
        known = {**LOSSES, **imports(option, text)}
        return by_name(option, text, known, "package.module:function")
    if bool in kinds:
        return by_name(option, text or "true", {"true": True, "false": False})
    if text is None:
        raise InputError(
            f"{option} needs a value; write {option} VALUE.",
            f"{option} 需要一个值；请写成 {option} VALUE。",
        )
    allowed = {k: k for k in kinds if isinstance(k, str)}
    if allowed:
        return by_name(option, text, allowed)
    if str in kinds:
        return text
    number = int if int in kinds and float not in kinds else float
    try:
        return number(text)
    except ValueError:
        word = "a whole number" if number is int else "a number"
        raise InputError(
            f"{option} must be {word}, got {text!r}; write {option} {'3' if number is int else '0.1'}, say.",
            f"{option} 必须是{'整数' if number is int else '数字'}，收到 {text!r}；"
            f"例如 {option} {'3' if number is int else '0.1'}。",
        ) from None


def kinds_of(hint: Any) -> list[Any]:
    """The types and, of a Literal, the words that a setting may be; None aside."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return [k for part in get_args(hint) for k in kinds_of(part) if k is not type(None)]
    return [hint]


def imports(option: str, text: str | None) -> dict[str, Any]:
    """ "package.module:function" -> that function."""
    return {text: imported(text, option)} if text and ":" in text else {}


def truncations(text: str | None) -> dict[str, Through]:
    """ "truncated(3)" -> the function of that name."""
    inside = (text or "").removeprefix("truncated(").removesuffix(")")
    return {text: truncated(int(inside))} if text and text != inside and inside.isdigit() else {}


def by_name(option: str, text: str | None, table: dict[str, Any], *further: str) -> Any:
    if text not in table:
        raise not_one_of(option, table, text, *further)
    return table[text]


def unknown_option(option: str, algorithm: str, others: list[str]) -> InputError:
    has = [as_option(n, d) for n, d in settings_of(ALGORITHMS[algorithm]).items()]
    names = [h.split()[0] for h in has] + others
    en, zh = did_you_mean(option, names)
    return InputError(
        f"{algorithm} has no option {option}; it has {', '.join(has)}{en}",
        f"{algorithm} 没有选项 {option}；可用的有 {', '.join(has)}{zh}",
    )


def as_option(name: str, default: Any) -> str:
    """How a setting is written: "--inner-lr (0.01)"."""
    shown = getattr(default, "__name__", default)
    return f"--{name.replace('_', '-')} ({shown})"
