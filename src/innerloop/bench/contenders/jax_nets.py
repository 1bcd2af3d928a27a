"""The networks of the JAX contenders: conv4 with channels last, and the multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from innerloop.bench.material import Arrays
from innerloop.bench.workloads import Workload

Params = dict[str, Any]
EPS = 1e-5
HERE, THERE = (2, 3, 1, 0), (3, 2, 0, 1)  # filters: (out, in, 3, 3) <-> (3, 3, in, out)


class Net(NamedTuple):
    """body(params, x) -> features; head(params, features) -> outputs; loss(outputs, y) -> mean."""

    body: Callable[[Params, Any], Any]
    head: Callable[[Params, Any], Any]
    loss: Callable[[Any, Any], Any]
    head_names: list[str]

    def into(self, weights: Arrays) -> Arrays:
        """Weights as torch lays them out, in this net's layout."""
        return {n: w.transpose(HERE) if w.ndim == 4 else w for n, w in weights.items()}

    def back(self, weights: Arrays) -> Arrays:
        return {n: w.transpose(THERE) if w.ndim == 4 else w for n, w in weights.items()}

    def images(self, x: np.ndarray) -> np.ndarray:
        """(T, S, channels, height, width) -> (T, S, height, width, channels)."""
        return np.ascontiguousarray(np.moveaxis(x, 2, -1)) if x.ndim == 5 else x


def net_of(workload: Workload, *, idiomatic: bool) -> Net:
    return conv4(idiomatic) if workload.is_conv4 else mlp()


def conv4(idiomatic: bool) -> Net:
    """The layers of `il.models.conv4`: block b is 4b (convolution) and 4b + 1 (norm), then 17."""
    import jax
    import optax

    convolve = by_lax if idiomatic else by_slices

    def block(params: Params, b: int, x: Any) -> Any:
        x = convolve(x, params[f"{4 * b}.weight"]) + params[f"{4 * b}.bias"]
        centred = x - x.mean((0, 1, 2))
        x = centred * jax.lax.rsqrt((centred**2).mean((0, 1, 2)) + EPS)
        x = x * params[f"{4 * b + 1}.weight"] + params[f"{4 * b + 1}.bias"]
        return pooled(jax.nn.relu(x))

    def body(params: Params, x: Any) -> Any:
        for b in range(4):
            x = block(params, b, x)
        return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)  # torch's order of features

    def head(params: Params, features: Any) -> Any:
        return features @ params["17.weight"].T + params["17.bias"]

    def loss(outputs: Any, y: Any) -> Any:
        return optax.softmax_cross_entropy_with_integer_labels(outputs, y).mean()

    return Net(body, head, loss, ["17.weight", "17.bias"])


def mlp() -> Net:
    """The layers of `il.models.mlp`: 1, 3 and 5 are matrices."""
    import jax

    def body(params: Params, x: Any) -> Any:
        for name in ("1", "3"):
            x = jax.nn.relu(x @ params[f"{name}.weight"].T + params[f"{name}.bias"])
        return x

    def head(params: Params, features: Any) -> Any:
        return features @ params["5.weight"].T + params["5.bias"]

    def loss(outputs: Any, y: Any) -> Any:
        return ((outputs - y) ** 2).mean()

    return Net(body, head, loss, ["5.weight", "5.bias"])


def by_lax(x: Any, filters: Any) -> Any:
    import jax

    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, filters, (1, 1), "SAME", dimension_numbers=layout)


def by_slices(x: Any, filters: Any) -> Any:
    """A 3x3 convolution as one matrix product over nine shifted copies of the image."""
    from jax import numpy as jnp

    rows, height, width, channels = x.shape
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    shifted = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    patches = jnp.concatenate(shifted, -1).reshape(-1, 9 * channels)
    return (patches @ filters.reshape(9 * channels, -1)).reshape(rows, height, width, -1)


def pooled(x: Any) -> Any:
    """2x2 max-pool; an odd last row or column is left out. By pairs: the gradient of a maximum over
    an axis counts who equals it, and compiled as a whole nobody may (0/0)."""
    from jax.numpy import maximum

    rows, height, width, channels = x.shape
    x = x[:, : height // 2 * 2, : width // 2 * 2]
    x = x.reshape(rows, height // 2, 2, width // 2, 2, channels)
    x = maximum(x[:, :, 0], x[:, :, 1])
    return maximum(x[:, :, :, 0], x[:, :, :, 1])
