"""A built-in model remembers the call that made it, so that a run can be rebuilt by name."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from innerloop.arguments import arguments_of
from innerloop.errors import InnerloopError, InputError, reason


@dataclass(frozen=True)
class ModelSpec:
    """The call that makes a model: a built-in name, or `package.module:function`."""

    name: str
    settings: dict[str, Any]
    build: Callable[[], nn.Module]


def named(function: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Let the modules that `function` makes carry their `ModelSpec`."""

    @functools.wraps(function)
    def make(*args: Any, **settings: Any) -> nn.Module:
        call = arguments_of(function, args, settings)
        check_sizes(function.__name__, call)
        try:
            module = function(*args, **settings)
        except InnerloopError:
            raise
        except Exception as error:  # torch's words for a share above 1, or a size beyond all memory
            raise InputError(
                f"{function.__name__} cannot be made with these settings ({reason(error)}); change them.",
                f"{function.__name__} 无法按这些设置构造（{reason(error)}）；请修改设置。",
            ) from error
        build = functools.partial(function, *args, **settings)
        module.spec = ModelSpec(function.__name__, call, build)  # type: ignore[assignment]
        return module

    return make


def check_sizes(model: str, settings: dict[str, Any]) -> None:
    """Whole numbers are sizes: there is something of everything, hidden layers aside, and targets
    where classes are told apart."""
    for name, value in settings.items():
        least = 0 if name in ("layers", "targets") else 1
        if isinstance(value, int) and not isinstance(value, bool) and value < least:
            raise InputError(
                f"{model}: {name} must be at least {least}, got {value}; leave it out for the usual "
                "size.",
                f"{model}：{name} 至少为 {least}，收到 {value}；省略则用常用大小。",
            )


def model_spec(module: nn.Module) -> ModelSpec | None:
    spec = getattr(module, "spec", None)
    return spec if isinstance(spec, ModelSpec) else None
