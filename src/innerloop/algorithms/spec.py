"""A learner's spec as JSON and back: names instead of pickled code.

What belongs to innerloop is written by its short name and made again with its settings. A function
of the user's is written as `package.module:function` and imported again; a settings file can never
call it with arguments of its own. What has no such name (a lambda, a Module built by hand) is
marked as the user's own, and must be passed again.
"""

from __future__ import annotations

import dataclasses
import importlib
import types
from collections.abc import Callable
from typing import Any

from torch import nn

from innerloop import inner, losses
from innerloop.algorithms import ALGORITHMS
from innerloop.errors import InputError
from innerloop.models import MODELS
from innerloop.models.named import model_spec
from innerloop.outer import Learner

OWN = {"own": True}
SHORT: dict[str, Any] = {
    **inner.THROUGH,
    "mse": losses.mse,
    "cross_entropy": losses.cross_entropy,
    "binary_cross_entropy": losses.binary_cross_entropy,
}


def spec_to_json(learner: Learner) -> dict[str, Any]:
    """{"algorithm", "model", "settings"} of a learner.

    >>> import innerloop as il
    >>> settings = spec_to_json(il.maml(il.models.mlp(1, 1), through=il.truncated(2)))["settings"]
    >>> settings["inner_lr"], settings["through"]
    (0.01, {'function': 'truncated(2)'})
    """
    spec = learner.spec
    return {
        "algorithm": spec.algorithm,
        "model": model_to_json(spec.model),
        "settings": {name: to_json(value) for name, value in spec.settings.items()},
    }


def spec_from_json(data: dict[str, Any], model: Any = None, **settings: Any) -> Learner:
    """The learner of such a dict. `model` and settings that are given go before what it says."""
    name = data["algorithm"]
    if name not in ALGORITHMS:
        raise InputError(
            f"there is no algorithm {name!r} here; it has: {', '.join(ALGORITHMS)}.",
            f"没有名为 {name!r} 的算法；可用的有：{'、'.join(ALGORITHMS)}。",
        )
    made = {
        key: from_json(value, key) for key, value in data["settings"].items() if key not in settings
    }
    model = model if model is not None else model_from_json(data["model"])
    arguments = () if model is None else (model,)
    return ALGORITHMS[name](*arguments, **{**made, **settings})


def model_to_json(model: Any) -> dict[str, Any] | None:
    """A built-in by name and settings, an importable function by name, else the user's own."""
    if model is None:
        return None
    if isinstance(model, nn.Module):
        spec = model_spec(model)
        if spec is None or spec.name not in MODELS:
            return OWN
        return {"name": spec.name, "settings": to_json(spec.settings)}
    for name, function in MODELS.items():
        if function is model:
            return {"name": name, "settings": {}}
    path = import_path(model)
    return {"name": path} if path else OWN


def model_from_json(data: dict[str, Any] | None) -> Any:
    if data is None:
        return None
    if "name" not in data:
        raise InputError(
            "this run's model is a Module of your own, which is not stored in the run; pass it: "
            "load(path, model=...).",
            "该运行的模型是您自己的 Module，未保存在运行文件夹中；请传入：load(path, model=...)。",
        )
    name = data["name"]
    if name in MODELS:
        return MODELS[name](**from_json(data["settings"], "model"))
    return imported(name)


def to_json(value: Any) -> Any:
    """Plain values as they are; functions by name; dataclasses of innerloop by name and fields."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and is_ours(type(value)):
        fields = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"made_by": import_path(type(value)), "fields": fields}
    if callable(value) and not isinstance(value, nn.Module):
        name = next((n for n, known in SHORT.items() if known is value), None)
        name = name or calls_truncated(value) or import_path(value)
        return {"function": name} if name else OWN
    return OWN


def from_json(value: Any, setting: str) -> Any:
    if isinstance(value, list):
        return tuple(from_json(item, setting) for item in value)
    if not isinstance(value, dict):
        return value
    if value == OWN:
        raise InputError(
            f"this run's {setting} is a function or object of your own, which is not stored in the "
            f"run; pass it: load(path, {setting}=...).",
            f"该运行的 {setting} 是您自己的函数或对象，未保存在运行文件夹中；请传入：load(path, {setting}=...)。",
        )
    if "function" in value:
        return function_named(value["function"])
    if "made_by" in value:
        kind = imported(value["made_by"])
        if not (isinstance(kind, type) and dataclasses.is_dataclass(kind) and is_ours(kind)):
            raise unknown(value["made_by"])
        return kind(**{n: from_json(v, setting) for n, v in value["fields"].items()})
    return {key: from_json(item, setting) for key, item in value.items()}


def function_named(name: str) -> Callable[..., Any]:
    if name in SHORT:
        return SHORT[name]  # type: ignore[no-any-return]
    if name.startswith("truncated(") and name[10:-1].isdigit():
        return inner.truncated(int(name[10:-1]))
    return imported(name)  # type: ignore[no-any-return]


def calls_truncated(value: Any) -> str | None:
    """`truncated(3)` makes a function that is called just that."""
    name = getattr(value, "__name__", "")
    made_here = getattr(value, "__module__", "") == inner.truncated.__module__
    return name if made_here and name.startswith("truncated(") else None


def import_path(value: Any) -> str | None:
    """`package.module:name` if importing that gives this very object again."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not module or not name or module == "__main__" or "<" in name:
        return None
    path = f"{module}:{name}"
    try:
        return path if imported(path) is value else None
    except InputError:
        return None


def imported(path: str) -> Any:
    """What `package.module:name` names."""
    module, colon, name = path.partition(":")
    if not colon:
        raise unknown(path)
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise unknown(path) from error
    if isinstance(found, types.ModuleType):
        raise unknown(path)
    return found


def is_ours(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def unknown(path: str) -> InputError:
    return InputError(
        f"the run names {path!r}, which cannot be imported here; start where its module can be "
        "found, or pass it to load.",
        f"该运行引用了 {path!r}，但在此无法导入；请在能找到其模块的位置启动，或将其传给 load。",
    )
