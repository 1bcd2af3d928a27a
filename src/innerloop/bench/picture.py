"""The bench's picture: times faster than each contender, share of the peak, and memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from innerloop.bench.contenders import OURS

COLOURS = ["#1b6ca8", "#d1495b", "#6a994e", "#8d6a9f", "#e09f3e", "#335c67", "#8a8a8a", "#3d405b"]


def draw(path: Path, found: dict[str, Any]) -> Path | None:
    """Write the picture as PNG; None where neither speed nor memory was measured."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    speed, memory = found["speed"], found.get("memory", {})
    if not speed and not memory:
        return None
    figure = Figure(figsize=(12, 2.5 + 0.42 * max(8, len(speed))), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    machine = found["machine"]
    figure.suptitle(
        f"innerloop on {found['settings']['cores']} cores ({machine['processor']}), {found['date']}",
        fontsize=13,
        fontweight="bold",
    )
    axes = figure.subplot_mosaic([["times", "peak"], ["times", "memory"]], width_ratios=[1.5, 1])
    draw_times(axes["times"], speed)
    draw_peak(axes["peak"], speed)
    draw_memory(axes["memory"], memory)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def draw_times(axis: Any, speed: dict[str, Any]) -> None:
    """A row per workload, a dot per contender: how many times as long it takes."""
    from matplotlib.ticker import LogLocator, NullLocator

    rows = list(speed)
    names = list(dict.fromkeys(n for each in speed.values() for n in each["contenders"]))
    for colour, name in zip(COLOURS * 3, [n for n in names if n != OURS], strict=False):
        places = [(ratio_of(speed[row], name), y) for y, row in enumerate(rows)]
        points = [(ratio, y) for ratio, y in places if ratio is not None]
        if points:
            axis.scatter(*zip(*points, strict=True), color=colour, label=name, s=36, zorder=3)
    axis.axvline(1, color="#999999", linewidth=1)
    if rows:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter(lambda times, _: f"{times:g}")
        axis.xaxis.set_minor_locator(NullLocator())
    axis.set_yticks(range(len(rows)), rows)
    axis.invert_yaxis()
    axis.grid(color="#eeeeee")
    axis.set_xlabel("times as long as innerloop takes (to the right of 1: innerloop is faster)")
    tidy(axis)


def ratio_of(workload: dict[str, Any], name: str) -> float | None:
    ratio = workload["contenders"].get(name, {}).get("ours_is_times_faster")
    return None if ratio is None else float(ratio)


def draw_peak(axis: Any, speed: dict[str, Any]) -> None:
    """A bar per workload: which share of the machine's peak is used."""
    kind = "share_of_fma_peak"
    shares = {n: w["contenders"].get(OURS, {}).get(kind) for n, w in speed.items()}
    known = {name: 100 * share for name, share in shares.items() if share is not None}
    axis.barh(list(known), list(known.values()), color=COLOURS[0])
    axis.invert_yaxis()
    axis.tick_params(axis="y", labelsize=7)
    axis.set_xlabel("innerloop's share of the measured peak (FMA), %")
    tidy(axis)


def draw_memory(axis: Any, memory: dict[str, Any]) -> None:
    for colour, (name, grown) in zip([*COLOURS] * 3, memory.items(), strict=False):
        points = sorted((int(steps), mb) for steps, mb in grown["megabytes"].items())
        if points:
            axis.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    if memory:
        axis.set_xscale("log")
        axis.set_yscale("log")
    axis.set_xlabel("inner steps (conv4, 1 query, 8 tasks)")
    axis.set_ylabel("MB above idle")
    tidy(axis)


def tidy(axis: Any) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=8, frameon=False)
