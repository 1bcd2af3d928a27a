"""The demo's picture: an episode with its answers, and how accuracy grows with steps and shots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from innerloop.evaluation import Curve

COLOURS = ["#1b6ca8", "#d1495b", "#6a994e", "#8d6a9f", "#8a8a8a"]
GOOD, BAD = "#2a7f3f", "#c1121f"


@dataclass(frozen=True)
class Shown:
    """An episode for the eye: support (N, H, W), query (N, n, H, W), answers by learner (N, n)."""

    title: str
    support: Tensor
    query: Tensor
    answers: Mapping[str, Tensor]


def draw(
    path: Path,
    *,
    title: str,
    shown: Sequence[Shown],
    steps: Mapping[str, Curve],
    shots: Mapping[str, Curve],
    chance: float,
) -> Path:
    """Write the picture as PNG; curves by name, accuracies between 0 and 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=13, fontweight="bold")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.25, 1])
    above, below = parts
    halves = above.subfigures(1, len(shown), squeeze=False)[0]
    for half, episode in zip(halves, shown, strict=True):
        draw_episode(half, episode)
    left, right = below.subplots(1, 2)
    draw_lines(left, steps, chance, "inner steps on the support set")
    draw_lines(right, shots, chance, "examples per class (shots)")
    figure.savefig(path)
    return path


def draw_episode(figure: Any, episode: Shown) -> None:
    """A row per class: the support image, then queries, framed and marked per learner."""
    ways, queries = episode.query.shape[:2]
    figure.suptitle(episode.title, fontsize=10)
    grid = figure.subplots(ways, queries + 1, squeeze=False)
    for way in range(ways):
        frame(grid[way][0], episode.support[way], COLOURS[way % len(COLOURS)])
        for q in range(queries):
            axis = grid[way][q + 1]
            frame(axis, episode.query[way, q], "#cccccc")
            for place, (name, answers) in enumerate(episode.answers.items()):
                right = int(answers[way, q]) == way
                mark = f"{name[0].upper()}{'✓' if right else '✗'}"
                x, align = (0.04, "left") if place == 0 else (0.96, "right")
                axis.text(
                    x,
                    0.02,
                    mark,
                    transform=axis.transAxes,
                    ha=align,
                    va="bottom",
                    fontsize=7,
                    color=GOOD if right else BAD,
                    fontweight="bold",
                )
    grid[0][0].set_title("support", fontsize=8)
    grid[0][1 + (queries - 1) // 2].set_title(
        "query: " + ", ".join(f"{n[0].upper()} = {n}" for n in episode.answers), fontsize=8
    )


def frame(axis: Any, image: Tensor, colour: str) -> None:
    axis.imshow(1 - torch.as_tensor(image), cmap="gray", vmin=0, vmax=1)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_edgecolor(colour)
        spine.set_linewidth(1.6)


def draw_lines(axis: Any, lines: Mapping[str, Curve], chance: float, label: str) -> None:
    for colour, (name, line) in zip(COLOURS * 3, lines.items(), strict=False):
        mean, half = (100 * torch.as_tensor(v, dtype=torch.float64) for v in (line.mean, line.ci95))
        axis.plot(line.at, mean, marker="o", markersize=4, color=colour, label=name)
        axis.fill_between(line.at, mean - half, mean + half, color=colour, alpha=0.18, linewidth=0)
    axis.axhline(100 * chance, color="#999999", linewidth=1, linestyle=":")
    middle = sum(axis.get_xlim()) / 2
    axis.text(middle, 100 * chance, "chance", ha="center", va="bottom", fontsize=8, color="#777777")
    axis.set_xlabel(label)
    axis.set_ylabel("accuracy on new tasks, %")
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#eeeeee")
    axis.legend(fontsize=8, frameon=False, loc="center right", bbox_to_anchor=(1.0, 0.3))
