"""A reliability diagram: how often answers were right, against how sure they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from innerloop.errors import InputError
from innerloop.evaluation.calibration import Reliability
from innerloop.evaluation.temperature import Calibrated

BEFORE, AFTER, GREY = "#d1495b", "#1b6ca8", "#8a8a8a"


def draw(path: Path, found: Calibrated, *, title: str) -> Path:
    """Write the picture as PNG: curves before and after the temperature, and below how many answers were
    so sure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 7), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    above, below = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    above.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as sure as right")
    as_it_is, cooled = f"as it is, ECE {found.before.error:.3f}", found.temperature
    for curve, colour, label in (
        (found.before, BEFORE, as_it_is),
        (found.after, AFTER, f"temperature {cooled:.2f}, ECE {found.after.error:.3f}"),
    ):
        line(above, below, curve, colour, label)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that was right")
    above.legend(loc="upper left", frameon=False)
    below.set(xlabel="probability of the answer", ylabel="answers")
    try:
        figure.savefig(path, format="png")
    except OSError as problem:
        raise InputError(
            f"the reliability diagram cannot be written to {path} ({problem}); choose another path.",
            f"可靠性图无法写入 {path}（{problem}）；请换一个路径。",
        ) from problem
    return path


def line(above: Any, below: Any, curve: Reliability, colour: str, label: str) -> None:
    some = curve.count > 0
    above.plot(
        curve.confidence[some].tolist(),
        curve.accuracy[some].tolist(),
        "o-",
        color=colour,
        label=label,
    )
    bins = len(curve.count)
    middles = [(n + 0.5) / bins for n in range(bins)]
    below.step(middles, curve.count.tolist(), where="mid", color=colour)
