"""The demo's picture: an episode from each place, and accuracy against inner steps and shots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from innerloop.core import Episode
from innerloop.episodes import Stream
from innerloop.evaluation import over_inner_steps, over_shots
from innerloop.recipes.demo import PLACES, WAYS, Demo, Pair
from innerloop.report.picture import Shown, draw


def draw_demo(path: Path, demo: Demo, *, seed: int = 0, episodes: int = 40) -> Path:
    """Write the demo's picture; the curves are taken on `episodes` test episodes."""
    contenders = demo.contenders
    streams = {p: family(ways=WAYS, shots=1, queries=5).test for p, family in PLACES.items()}
    learner, meta = contenders["maml"]
    few: dict[str, Any] = {"episodes": episodes, "seed": seed}
    steps = {
        f"maml, {place}": over_inner_steps(learner, meta, stream, inner_steps=range(6), **few)
        for place, stream in streams.items()
    }
    shots = {
        name: over_shots(*pair, streams["handwritten digits"], shots=(1, 2, 5), **few)
        for name, pair in contenders.items()
    }
    shown = [
        an_episode(f"{place}, 5-way 1-shot", stream, contenders, seed)
        for place, stream in streams.items()
    ]
    title = "Meta-trained on printed letters: meeting new scripts and handwriting"
    return draw(path, title=title, shown=shown, steps=steps, shots=shots, chance=1 / WAYS)


def an_episode(title: str, stream: Stream, contenders: Mapping[str, Pair], seed: int) -> Shown:
    """The first test episode, with the answers of both learners."""
    episode = stream.sample(seed, 0, 1)[0]
    assert isinstance(episode, Episode)
    answers = {}
    for name in ("protonet", "maml"):
        learner, meta = contenders[name]
        fast = learner.adapt(meta, episode.support)
        outputs = learner.predict(meta, fast, episode.query.x)
        answers[name] = by_class(outputs[:, :WAYS].argmax(1))
    return Shown(
        title,
        by_class(episode.support.x)[:, 0, 0],
        by_class(episode.query.x)[:, :, 0],
        answers,
    )


def by_class(rows: Tensor) -> Tensor:
    """(WAYS * n, ...) -> (WAYS, n, ...): rows come class after class."""
    return rows.view(WAYS, -1, *rows.shape[1:])
