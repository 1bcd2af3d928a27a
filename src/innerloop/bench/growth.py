"""Peak memory against the number of inner steps: conv4, one query per class, 8 tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from innerloop.bench.contenders import contender
from innerloop.bench.memory import free_megabytes
from innerloop.bench.process import Failed, started
from innerloop.bench.workloads import WORKLOADS, Workload

INNER_STEPS = (1, 5, 20, 100)
PATIENCE = 300.0  # seconds for a step


@dataclass
class Growth:
    """megabytes: above the idle process, by inner steps; left_out: why a number of steps is not there."""

    megabytes: dict[int, float] = field(default_factory=dict)
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def per_step(self) -> float | None:
        """Megabytes that one further inner step takes, between the first figure and the last."""
        if len(self.megabytes) < 2:
            return None
        (first, low), *_, (last, high) = sorted(self.megabytes.items())
        return (high - low) / (last - first)

    def expected(self, inner_steps: int) -> float:
        """What the line through the last two figures says of so many steps."""
        if len(self.megabytes) < 2:
            return 0.0
        (a, low), (b, high) = sorted(self.megabytes.items())[-2:]
        return high + (inner_steps - b) * (high - low) / (b - a)


def growth(
    names: Sequence[str],
    *,
    inner_steps: Sequence[int] = INNER_STEPS,
    workload: Workload = WORKLOADS["conv4-q1-k1"],
    seed: int = 0,
    cores: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Growth]:
    """Each contender and number of steps in a process of its own, two steps each. What would take
    more than half of the free memory is left out."""
    found = {}
    for name in names:
        asked = contender(name)
        if not asked.is_here or not asked.can(workload):
            continue
        found[name] = here = Growth()
        for steps in inner_steps:
            needed = here.expected(steps)
            if needed > free_megabytes() / 2:
                here.left_out[steps] = f"would need about {needed:.0f} MB"
                continue
            tell(f"memory: {name}, {steps}")
            one = replace(workload, inner_steps=steps, inner_lr=workload.inner_lr / 8)
            try:
                with started(name, one, seed=seed, cores=cores) as remote:
                    peak = remote.steps(2, PATIENCE).megabytes
                    here.megabytes[steps] = peak - remote.idle
            except Failed as failure:
                here.left_out[steps] = str(failure)
                break
    return found
