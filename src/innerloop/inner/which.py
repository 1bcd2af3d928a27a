"""Which parameters the inner loop moves: functions (network) -> names."""

from __future__ import annotations

from collections.abc import Callable

from innerloop.models import Network

Which = Callable[[Network], list[str]]


def everything(network: Network) -> list[str]:
    return list(network.names)


def head(network: Network) -> list[str]:
    """The output layer."""
    return network.head


def body(network: Network) -> list[str]:
    """Everything before the output layer."""
    return [name for name in everything(network) if name not in network.head]
