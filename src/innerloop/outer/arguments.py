"""The arguments of a constructor, held against its signature: known names, values of their kind."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
from collections.abc import Callable, Iterable
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from innerloop.errors import InputError, unknown_setting

FUNCTIONS = {"through": "il.first_order"}  # an example of what to pass; else a loss
KINDS = {
    bool: ("True or False", "True 或 False"),
    int: ("a whole number", "整数"),
    float: ("a number", "数字"),
    str: ("a string", "字符串"),
    Callable: ("a function", "函数"),
}


def arguments_of(
    function: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]
) -> dict[str, Any]:
    """name -> value of the call `function(*args, **settings)`, defaults included."""
    signature = inspect.signature(function)
    check_names(function, settings, signature.parameters)
    try:
        bound = signature.bind(*args, **settings)
    except TypeError as error:
        shape = ", ".join([*list(signature.parameters)[:1], "..."])
        name = function.__name__
        raise InputError(
            f"{name} cannot be called so ({error}); write {name}({shape}), with settings by name.",
            f"不能这样调用 {name}（{error}）；请写成 {name}({shape})，设置项以名称给出。",
        ) from None
    bound.apply_defaults()
    hints = hints_of(function)
    for name, value in bound.arguments.items():
        if name in hints and value is not signature.parameters[name].default:
            check_kind(function, name, value, hints[name])
    return dict(bound.arguments)


def check_names(
    function: Callable[..., Any], settings: Iterable[str], known: Iterable[str]
) -> None:
    for name in settings:
        if name not in known:
            raise unknown_setting(function.__name__, name, known)


def check_kind(function: Callable[..., Any], name: str, value: Any, hint: Any) -> None:
    """A sentence if the value is of none of the kinds that the signature names; kinds that are not
    plain (a Module, a Rule) are left to those who use them."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = tuple(Callable if callable_kind(kind) else kind for kind in kinds)
    plain = all(k in (NoneType, *KINDS) or get_origin(k) is Literal for k in kinds)
    if not plain or any(is_of(value, kind) for kind in kinds):
        return
    names = [name for kind in kinds if get_origin(kind) is Literal for name in get_args(kind)]
    said = [KINDS[kind] for kind in kinds if kind in KINDS]
    en = " or ".join(
        [*(w for w, _ in said), *([f"one of {', '.join(map(str, names))}"] * bool(names))]
    )
    zh = "或".join([*(w for _, w in said), *([f"{', '.join(map(str, names))} 之一"] * bool(names))])
    default = inspect.signature(function).parameters[name].default
    example = getattr(default, "__name__", repr(default))
    if Callable in kinds:
        example = FUNCTIONS.get(name, "il.losses.mse")
    raise InputError(
        f"{function.__name__}: {name} must be {en}, got {value!r}; pass {name}={example}, say.",
        f"{function.__name__}：{name} 必须是{zh}，收到 {value!r}；例如 {name}={example}。",
    )


def is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if kind is Callable:
        return callable(value)
    if kind is NoneType:
        return value is None
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool) and not math.isnan(value)
    return isinstance(value, kind)


def callable_kind(kind: Any) -> bool:
    return get_origin(kind) is get_origin(Callable[..., Any])


@functools.cache
def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # a constructor of the user's, annotated with what is local
        return {}
