"""A map of tasks as a picture."""

from __future__ import annotations

from pathlib import Path

from innerloop.structure import TaskMap

COLOURS = (
    *("#1b6ca8", "#d1495b", "#6a994e", "#e09f3e", "#8d6a9f", "#3d8b8b", "#b5651d", "#7a7a7a"),
    *("#4361ee", "#ef476f", "#2a7f3f", "#c9a227"),
)


def draw_map(path: Path, found: TaskMap) -> Path:
    """Write the picture as PNG: a dot per task, coloured by its known family or its group, joined to
    the nearest other tasks."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.add_subplot()
    layout = found.layout.tolist()
    lines = [[layout[a], layout[b]] for a, b in links(found)]
    axis.add_collection(LineCollection(lines, colors="#d8d8d8", linewidths=0.7, zorder=1))
    for n, (name, colour) in enumerate(colours(found).items()):
        label = (
            f"group {n + 1}" if found.kinds is None else name
        )  # matplotlib's font has no Chinese
        here = [place for t, place in enumerate(layout) if found.kind_of(t) == name]
        x, y = zip(*here, strict=True)
        axis.scatter(
            x, y, s=24, color=colour, label=label, edgecolors="white", linewidths=0.5, zorder=2
        )
    axis.set_title(f"{len(found.names)} tasks of {found.split}, by {found.encoder}", fontsize=11)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def links(found: TaskMap) -> list[tuple[int, int]]:
    """Pairs of tasks of which one is among the other's nearest, each once."""
    pairs = {
        (min(t, other), max(t, other))
        for t, near in enumerate(found.neighbours.tolist())
        for other in near
    }
    return sorted(pairs)


def colours(found: TaskMap) -> dict[str, str]:
    """family or group -> its colour, in the order of their names."""
    names = sorted({found.kind_of(t) for t in range(len(found.names))})
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}
