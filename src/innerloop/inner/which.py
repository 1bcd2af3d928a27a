"""Which parameters the inner loop moves: functions (network) -> names."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from innerloop.errors import InputError
from innerloop.models import Network

Which = Callable[[Network], list[str]]
Patterns = str | tuple[str, ...]  # "0.*", "*.weight,*.bias" or ("0.*", "2.*")


def everything(network: Network) -> list[str]:
    return list(network.names)


def head(network: Network) -> list[str]:
    """The output layer."""
    return network.head


def body(network: Network) -> list[str]:
    """Everything before the output layer."""
    return [name for name in everything(network) if name not in network.head]


def matching(names: list[str], patterns: Patterns, setting: str) -> list[str]:
    """Those of the parameters' names that fit one of the patterns; each must fit one.

    >>> matching(["0.weight", "0.bias", "2.weight"], "0.bias,2.*", "moves")
    ['0.bias', '2.weight']
    """
    each = patterns.split(",") if isinstance(patterns, str) else patterns
    asked = [str(pattern).strip() for pattern in each]
    for pattern in asked:
        if not any(fnmatchcase(name, pattern) for name in names):
            listed = ", ".join(names) or "none"
            raise InputError(
                f"{setting}={pattern!r} fits no parameter that can move; they are: {listed}.",
                f"{setting}={pattern!r} 与任何可移动的参数都不匹配；可移动的参数有：{listed}。",
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in asked)]
