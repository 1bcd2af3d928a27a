"""Which way a learner's gradients are computed: chosen by itself at the first call, then kept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

from torch import Generator

from innerloop.core import Episodes, Meta, Method
from innerloop.errors import InnerloopError, not_one_of
from innerloop.language import say
from innerloop.outer.explicit import Unknown, explicit
from innerloop.outer.gradient import totals
from innerloop.outer.paths import Path, by_loop, by_vmap
from innerloop.outer.totals import Totals

GENERAL: dict[str, Path] = {"vmap": by_vmap, "loop": by_loop}
PATHS = ("explicit", *GENERAL)


@dataclass
class Plan:
    """name: "explicit" (known rules, no graph), "vmap" (tasks batched) or "loop" (one after the
    other); None before the first gradient. fixed: asked for, and not to be changed. why: the
    reason, where it is not the fastest one."""

    name: str | None = None
    fixed: bool = False
    why: str = ""
    _path: Path | None = field(default=None, repr=False)

    @classmethod
    def on(cls, name: str) -> Plan:
        if name not in PATHS:
            raise not_one_of("a path", PATHS, name)
        return cls(name, fixed=True, _path=GENERAL.get(name))

    def totals(
        self, method: Method, meta: Meta, episodes: Episodes, generator: Generator | None
    ) -> Totals:
        """By the path chosen; should that fail where a more general one does not, by that one from
        now on, with one sentence."""
        if self._path is None:
            self._choose(method, meta, episodes)
        assert self._path is not None
        try:
            return totals(method, meta, episodes, path=self._path, generator=generator)
        except Exception as error:
            if self.name == "loop" or (
                isinstance(error, InnerloopError) and not isinstance(error, RuntimeError)
            ):
                raise
            # where the error is the model's own, it is raised again here
            found = totals(method, meta, episodes, path=by_loop, generator=generator)
            reason = f"{error.__cause__ or error}".partition("\n")[0][:120]
            self.name, self._path, self.why = "loop", by_loop, reason
            warnings.warn(
                say(
                    "This network has an operation that cannot be batched over tasks, so tasks run "
                    f"one after the other ({reason}).",
                    f"该网络含有无法跨任务批处理的操作，因此任务将逐个运行（{reason}）。",
                ),
                stacklevel=3,
            )
            return found

    def _choose(self, method: Method, meta: Meta, episodes: Episodes) -> None:
        asked = self.name == "explicit"
        convolutional = getattr(getattr(method, "network", None), "is_convolutional", False)
        try:
            if not asked and not convolutional:
                raise Unknown("its operations are small: many tasks at once are faster")
            self._path, self.name = explicit(method, meta, episodes.alike()[0][1]), "explicit"
        except Exception as error:
            if asked:
                raise
            self.why = str(error).partition("\n")[0]
            self.name, self._path = "vmap", by_vmap
