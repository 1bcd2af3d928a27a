"""Which way a learner's gradients are computed: chosen by itself at the first call, then kept."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Generator

from innerloop.core import Episodes, Meta, Method
from innerloop.errors import InnerloopError, not_one_of
from innerloop.language import say
from innerloop.outer.allocator import keep_memory
from innerloop.outer.explicit import ByShape
from innerloop.outer.gradient import totals
from innerloop.outer.paths import Path, by_loop, of_pass, summed
from innerloop.outer.recorded import Recorded
from innerloop.outer.totals import Totals

GENERAL: dict[str, Callable[[], Path]] = {
    "pass": lambda: Recorded(summed, of_pass),
    "vmap": Recorded,
    "loop": lambda: by_loop,
}
PATHS = ("explicit", *GENERAL)


@dataclass
class Route:
    """name: "explicit" (known rules, no graph), "pass" (tasks batched, one pass back, for methods
    that differentiate nothing inside), "vmap" (tasks batched) or "loop" (one after the other);
    None before the first gradient. fixed: asked for, and not to be changed. why: the reason, where
    it is not the fastest one."""

    name: str | None = None
    fixed: bool = False
    why: str = ""
    _path: Path | None = field(default=None, repr=False)

    @classmethod
    def on(cls, name: str) -> Route:
        if name not in PATHS:
            raise not_one_of("a path", PATHS, name)
        return cls(name, fixed=True, _path=GENERAL[name]() if name in GENERAL else None)

    def totals(
        self, method: Method, meta: Meta, episodes: Episodes, generator: Generator | None
    ) -> Totals:
        """By the path chosen; should that fail where a more general one does not, by that one from
        now on, with one sentence."""
        self.choose(method, meta, episodes)
        assert self._path is not None
        try:
            return totals(method, meta, episodes, path=self._path, generator=generator)
        except Exception as error:
            general = [
                name
                for name in GENERAL
                if PATHS.index(name) > PATHS.index(self.name or "")
                and (name != "pass" or is_one_pass(method))
            ]
            if not general or (
                isinstance(error, InnerloopError) and not isinstance(error, RuntimeError)
            ):
                raise
            reason = f"{error.__cause__ or error}".partition("\n")[0][:120]
        for name in general:
            path = GENERAL[name]()
            try:
                found = totals(method, meta, episodes, path=path, generator=generator)
            except Exception:
                if name == general[-1]:  # the model's own error, then
                    raise
                continue
            self.name, self._path, self.why = name, path, reason
            if name == "loop":
                warnings.warn(say(*one_after_the_other(reason)), stacklevel=3)
            break
        return found

    def choose(self, method: Method, meta: Meta, episodes: Episodes) -> None:
        """By what the network and these tasks are; what was chosen stays."""
        keep_memory()
        if self._path is not None:
            return
        if is_one_pass(method):
            self.name, self._path = "pass", GENERAL["pass"]()
            return
        [(_, alike), *_] = episodes.alike()
        try:
            path = ByShape(even_slow=self.fixed)
            path.choose(method, meta, alike)
            self._path, self.name = path, "explicit"
        except Exception as error:
            self.why = str(error).partition("\n")[0]
            self.name, self._path = "vmap", GENERAL["vmap"]()
            if self.fixed:
                warnings.warn(say(*no_rules(self.why)), stacklevel=4)

    def abreast(self, tasks: int, threads: int = 1) -> int:
        """How many of so many tasks are worked on, and in memory, at the same time."""
        if self.name == "loop":
            return 1
        return min(tasks, threads) if getattr(self._path, "in_turn", False) else tasks


def is_one_pass(method: Method) -> bool:
    return getattr(method, "single_pass", False)


def no_rules(reason: str) -> tuple[str, str]:
    return (
        f"There is no explicit path for this learner here ({reason}), so tasks are batched.",
        f"此学习器在此处没有 explicit 路径（{reason}），因此任务将批处理运行。",
    )


def one_after_the_other(reason: str) -> tuple[str, str]:
    return (
        "This network has an operation that cannot be batched over tasks, so tasks run one after "
        f"the other ({reason}).",
        f"该网络含有无法跨任务批处理的操作，因此任务将逐个运行（{reason}）。",
    )
