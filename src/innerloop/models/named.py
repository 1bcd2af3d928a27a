"""A built-in model remembers the call that made it, so that a run can be rebuilt by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from innerloop.errors import unknown_setting


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
        signature = inspect.signature(function)
        for unknown in settings.keys() - signature.parameters.keys():
            raise unknown_setting(function.__name__, unknown, signature.parameters)
        bound = signature.bind(*args, **settings)
        bound.apply_defaults()
        module = function(*args, **settings)
        build = functools.partial(function, *args, **settings)
        module.spec = ModelSpec(function.__name__, dict(bound.arguments), build)  # type: ignore[assignment]
        return module

    return make


def model_spec(module: nn.Module) -> ModelSpec | None:
    spec = getattr(module, "spec", None)
    return spec if isinstance(spec, ModelSpec) else None
