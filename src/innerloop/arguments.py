"""The arguments of a call, held against the function's signature: known names, values of their kind."""

from __future__ import annotations

import functools
import inspect
import math
import numbers
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from innerloop.errors import InputError, not_one_of, shown, unknown_setting

FUNCTIONS = {"through": "il.first_order", "loss": "il.losses.mse"}  # what may be passed
KINDS: dict[Any, tuple[str, str]] = {
    bool: ("True or False", "True 或 False"),
    int: ("a whole number", "整数"),
    float: ("a finite number", "有限的数"),
    str: ("a string", "字符串"),
    Callable: ("a function", "函数"),
    os.PathLike: ("a path", "路径"),
    Mapping: ("a dict", "字典"),
    Sequence: ("a list", "列表"),
    tuple: ("a tuple", "元组"),
}
VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ITSELF = ("self", "cls")
F = TypeVar("F", bound=Callable[..., Any])


def checked(**examples: str) -> Callable[[F], F]:
    """Let a function answer a call with an unknown name, or a value of another kind than its
    signature says, in one sentence. examples: what to pass for a parameter without a default.

    >>> @checked(x="1")
    ... def double(x: int) -> int:
    ...     return 2 * x
    >>> try:
    ...     double("3")
    ... except InputError as error:
    ...     print(error)
    double: x must be a whole number, got '3'; pass x=1, say.
    """

    def wrap(function: F) -> F:
        @functools.wraps(function)
        def call(*args: Any, **settings: Any) -> Any:
            arguments_of(function, args, settings, examples)
            return function(*args, **settings)

        return cast(F, call)

    return wrap


def arguments_of(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    settings: dict[str, Any],
    examples: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """name -> value of the call `function(*args, **settings)`, defaults included."""
    signature = signature_of(function)
    parameters = signature.parameters.values()
    if not any(p.kind is p.VAR_KEYWORD for p in parameters):
        check_names(function, settings, [n for n in signature.parameters if n not in ITSELF])
    try:
        bound = signature.bind(*args, **settings)
    except TypeError as error:
        needed = [p.name for p in parameters if p.default is p.empty and p.name not in ITSELF]
        needed = [name for name in needed if signature.parameters[name].kind not in VARIABLE]
        shape = ", ".join([*needed, "..."])
        name = function.__name__
        raise InputError(
            f"{name} cannot be called so ({error}); write {name}({shape}), with settings by name.",
            f"不能这样调用 {name}（{error}）；请写成 {name}({shape})，设置项以名称给出。",
        ) from None
    bound.apply_defaults()
    hints = hints_of(function)
    for name, value in bound.arguments.items():
        if name in hints and value is not signature.parameters[name].default:
            example = (examples or {}).get(name)
            check_kind(function, name, value, hints[name], example)
    return dict(bound.arguments)


def check_names(
    function: Callable[..., Any], settings: Iterable[str], known: Iterable[str]
) -> None:
    for name in settings:
        if name not in known:
            raise unknown_setting(function.__name__, name, known)


def check_kind(
    function: Callable[..., Any], name: str, value: Any, hint: Any, example: str | None = None
) -> None:
    """A sentence if the value is of none of the kinds that the signature names; kinds that are not
    plain (a Module, a Span) are left to those who use them."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = tuple(map(plainly, kinds))
    plain = all(k in (NoneType, *KINDS) or get_origin(k) is Literal or is_ours(k) for k in kinds)
    if not plain or any(is_of(value, kind) for kind in kinds):
        return
    names = [name for kind in kinds if get_origin(kind) is Literal for name in get_args(kind)]
    if names and all(get_origin(kind) is Literal or kind is NoneType for kind in kinds):
        raise not_one_of(f"{function.__name__}: {name}", names, value)
    said = [KINDS[kind] for kind in kinds if kind in KINDS]
    said += [(f"a {kind.__name__}", kind.__name__) for kind in kinds if is_ours(kind)]
    en = " or ".join(
        [*(w for w, _ in said), *([f"one of {', '.join(map(str, names))}"] * bool(names))]
    )
    zh = "或".join([*(w for _, w in said), *([f"{', '.join(map(str, names))} 之一"] * bool(names))])
    default = signature_of(function).parameters[name].default
    usual = (
        FUNCTIONS.get(name) if Callable in kinds else getattr(default, "__name__", repr(default))
    )
    example = example or usual
    raise InputError(
        f"{function.__name__}: {name} must be {en}, got {shown(value)}; pass {name}={example}, say.",
        f"{function.__name__}：{name} 必须是{zh}，收到 {shown(value)}；例如 {name}={example}。",
    )


def plainly(kind: Any) -> Any:
    """A kind without what it is made of, where that says it all.

    >>> plainly(tuple[str, ...]), plainly(tuple[int, int])
    (<class 'tuple'>, tuple[int, int])
    """
    origin = get_origin(kind)
    if origin is tuple:
        return tuple if get_args(kind)[-1] is ... else kind
    return origin if origin in KINDS or is_ours(origin) else kind


def is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if kind is Callable:
        return callable(value)
    if kind is Sequence:  # an array, or a column of a table, is one as well
        flat = getattr(value, "ndim", 1) == 1
        return flat and isinstance(value, Iterable) and not isinstance(value, bytes | Mapping)
    if kind is tuple:
        return isinstance(value, list | tuple)
    if kind is NoneType:
        return value is None
    if kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        return isinstance(value, number) and not isinstance(value, bool) and finite(value)
    return isinstance(value, kind)


def finite(value: Any) -> bool:
    return bool(-math.inf < value < math.inf)


def is_ours(kind: Any) -> bool:
    """Whether a kind is a class of innerloop that can be asked for."""
    ours = isinstance(kind, type) and kind.__module__.partition(".")[0] == "innerloop"
    return ours and not getattr(kind, "_is_protocol", False)


@functools.cache
def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


@functools.cache
def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return get_type_hints(function)
    except (NameError, TypeError):  # a constructor of the user's, annotated with what is local
        return {}
