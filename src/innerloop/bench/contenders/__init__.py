"""Who is timed: one short file each, with a function setup(problem) -> Ready."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Any

from innerloop.bench.contenders.ready import Ready
from innerloop.bench.material import Problem
from innerloop.bench.workloads import Workload
from innerloop.errors import InputError, not_one_of

OURS = "innerloop"
PLAIN = "plain"
EXTRA = (
    "pip install 'innerloop[peers]' brings all but learn2learn, which cannot be built everywhere",
    "pip install 'innerloop[peers]' 可安装除 learn2learn（并非处处能够构建）以外的全部",
)


@dataclass(frozen=True)
class Contender:
    """name: "innerloop", or "innerloop:loop" for a fixed path. module: the file in this folder.
    packages: what must be installed, the first of which has the version that counts."""

    name: str
    about: tuple[str, str]  # English and Chinese
    module: str
    packages: tuple[str, ...] = ()
    distribution: str | None = None
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def is_here(self) -> bool:
        return all(importlib.util.find_spec(package) for package in self.packages)

    @property
    def version(self) -> str | None:
        """None where it is not installed."""
        if not self.is_here:
            return None
        try:
            return importlib.metadata.version(self.distribution or self.packages[0])
        except importlib.metadata.PackageNotFoundError:
            return "?"

    def can(self, workload: Workload) -> bool:
        """Whether it has a way to do the workload at all."""
        return bool(self._file().can(workload, **dict(self.settings)))

    def setup(self, problem: Problem) -> Ready:
        made: Ready = self._file().setup(problem, **dict(self.settings))
        return made

    def _file(self) -> Any:
        return importlib.import_module(f"{__name__}.{self.module}")


ALL = [
    Contender(OURS, ("this library", "本库"), "ours", ("innerloop",)),
    Contender(
        PLAIN,
        ("PyTorch alone: a loop that is differentiated twice", "纯 PyTorch：二次求导的循环"),
        "plain",
        ("torch",),
    ),
    Contender("higher", ("higher", "higher"), "higher", ("higher",)),
    Contender("torchopt", ("TorchOpt's MetaSGD", "TorchOpt 的 MetaSGD"), "torchopt", ("torchopt",)),
    Contender(
        "learn2learn",
        ("learn2learn's MAML", "learn2learn 的 MAML"),
        "learn2learn",
        ("learn2learn",),
    ),
    Contender(
        "parallel-metalearn",
        ("parallel-metalearn's MAML, by vmap", "parallel-metalearn 的 MAML（vmap）"),
        "parallel_metalearn",
        ("metalearn",),
        "parallel-metalearn",
    ),
    Contender(
        "jax",
        (
            "JAX as fast as it goes: scan over tasks, convolution by slices",
            "最快的 JAX 写法：逐任务 scan，切片卷积",
        ),
        "jax",
        ("jax", "optax"),
        settings=(("idiomatic", ""),),
    ),
    Contender(
        "jax-idiomatic",
        ("JAX as one writes it: vmap and jit", "惯用的 JAX 写法：vmap 与 jit"),
        "jax",
        ("jax", "optax"),
        settings=(("idiomatic", "yes"),),
    ),
]
CONTENDERS = {each.name: each for each in ALL}


def contender(name: str) -> Contender:
    """The contender of this name; "innerloop:PATH" is ours on a fixed path.

    >>> contender("innerloop:loop").settings
    (('path', 'loop'),)
    """
    base, colon, path = name.partition(":")
    if base == OURS and colon and path:
        about = (f"this library on the path {path}", f"本库，固定路径 {path}")
        return Contender(name, about, "ours", ("innerloop",), settings=(("path", path),))
    if name not in CONTENDERS:
        raise not_one_of("--against", CONTENDERS, name, f"{OURS}:PATH")
    return CONTENDERS[name]


def check_here(asked: Contender) -> None:
    """Who was asked for by name must be installed."""
    if not asked.is_here:
        raise InputError(
            f"--against {asked.name} needs a package that is not installed; leave it out, or install "
            f"it: {EXTRA[0]}.",
            f"--against {asked.name} 需要尚未安装的软件包；请去掉它，或先安装：{EXTRA[1]}。",
        )
