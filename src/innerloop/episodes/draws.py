"""Random numbers that are a function of (seed, stream, episode, position).

No generator is carried along, so episode 1,000 is drawn without drawing the 999 before it, and a
batch of four episodes equals two batches of two, whoever draws them, in whatever order.
The mixing is SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).
"""

from __future__ import annotations

import copy
import math
import zlib

import numpy as np
import torch
from torch import Tensor

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser: uint64 -> uint64, a bijection that looks random."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class Draws:
    """One row of random numbers per episode; every call takes the next positions of the row.

    >>> both, second = Draws(0, "test", [6, 7]), Draws(0, "test", [7])
    >>> bool((both.uniform(3)[1] == second.uniform(3)[0]).all())
    True
    """

    def __init__(self, seed: int, stream: str, episodes: list[int] | np.ndarray):
        self.seed = seed
        self.episodes = np.asarray(episodes, dtype=np.int64)  # (T,)
        with np.errstate(over="ignore"):
            start = mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) + GOLDEN)
            start = mix(start ^ np.uint64(zlib.crc32(stream.encode())))
            self._keys = mix(start + self.episodes.astype(np.uint64) * GOLDEN)[:, None]  # (T, 1)
        self._used = 0

    def __len__(self) -> int:
        return len(self._keys)

    def apart(self, name: str) -> Draws:
        """Rows of the same episodes that share nothing with these: for another task beside each.

        >>> draws = Draws(0, "test", [6])
        >>> draws.apart("partner").unit(1).item() == draws.unit(1).item()
        False
        """
        other = copy.copy(self)
        other._keys, other._used = mix(self._keys ^ np.uint64(zlib.crc32(name.encode()))), 0
        return other

    def unit(self, count: int) -> np.ndarray:
        """(T, count) numbers, uniform in [0, 1)."""
        positions = np.arange(self._used + 1, self._used + count + 1, dtype=np.uint64)
        self._used += count
        with np.errstate(over="ignore"):
            bits = mix(self._keys + positions * GOLDEN)
        return (bits >> np.uint64(11)) * 2.0**-53

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(T, *shape) float32, uniform between low and high."""
        unit = low + (high - low) * self.unit(math.prod(shape))
        return torch.from_numpy(unit.astype(np.float32)).reshape(len(self), *shape)

    def normal(self, *shape: int) -> Tensor:
        """(T, *shape) float32, standard normal (Box-Muller)."""
        count = math.prod(shape)
        radius = np.sqrt(-2 * np.log1p(-self.unit(count)))
        normal = radius * np.cos(2 * np.pi * self.unit(count))
        return torch.from_numpy(normal.astype(np.float32)).reshape(len(self), *shape)

    def choose(self, count: int, among: int | np.ndarray) -> np.ndarray:
        """(T, count) different numbers of 0..among-1, in random order.

        among: one number, or an array (T, ...) of them; then (T, ..., count). Where it is smaller
        than count all of them come first, and -1 stands for the rest.
        Floyd's sampling (Bentley and Floyd 1987, doi:10.1145/30401.315746), whose cost does not
        grow with `among`, and a shuffle, since it yields a random set in an order that is not.
        """
        among = np.broadcast_to(among, (len(self),)) if np.ndim(among) == 0 else np.asarray(among)
        unit = self.unit(2 * count * math.prod(among.shape[1:])).reshape(*among.shape, 2, count)
        chosen = np.empty((*among.shape, count), dtype=np.int64)
        real = np.minimum(count, among)
        for i in range(count):
            last = among - real + i
            pick = (unit[..., 0, i] * (last + 1)).astype(np.int64)
            taken = (chosen[..., :i] == pick[..., None]).any(-1)
            chosen[..., i] = np.where(i < real, np.where(taken, last, pick), -1)
        order = np.where(chosen < 0, 1.0, unit[..., 1, :])
        return np.take_along_axis(chosen, order.argsort(-1), -1)

    def generators(self) -> list[np.random.Generator]:
        """A generator of numpy's for each episode, a function of (seed, stream, episode) alone."""
        return [np.random.default_rng(int(key)) for key in self._keys[:, 0]]
