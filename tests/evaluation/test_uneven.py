"""Tasks of unequal ways and shots are judged as each would be alone."""

from dataclasses import dataclass

import pytest
import torch

import innerloop as il
from innerloop.episodes import Stream, together
from innerloop.evaluation import evaluate
from innerloop.evaluation.curves import over_inner_steps


@dataclass(frozen=True, kw_only=True)
class Mixed(Stream):
    """2 to 4 ways, 1 to 3 shots, in float64; `only` draws one task of the sequence."""

    only: int | None = None

    def draw(self, draws):
        numbers = draws.episodes if self.only is None else [self.only] * len(draws)
        return together([self.task(int(n)) for n in numbers])

    def task(self, number):
        g = torch.Generator().manual_seed(number)
        ways, shots = 2 + number % 3, 1 + number % 2
        centres = torch.randn(ways, 3, generator=g, dtype=torch.float64)

        def side(rows):
            y = torch.arange(ways).repeat(rows)
            noise = torch.randn(len(y), 3, generator=g, dtype=torch.float64)
            return il.Examples(centres[y] + 0.7 * noise, y, ways=ways)

        return il.Episode(side(shots), side(1 + number % 4), torch.tensor(number))


STREAM = Mixed(name="mixed/test", ways=(2, 4), shots=(1, 2), queries=(1, 4))
NET = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 4)).double()
LEARNERS = {
    "maml": lambda: il.maml(NET, inner_lr=0.1, inner_steps=2),
    "protonet": lambda: il.protonet(NET),
    "nearest_neighbour": lambda: il.nearest_neighbour(),
}


@pytest.mark.parametrize("path", ["vmap", "loop"])
@pytest.mark.parametrize("name", LEARNERS)
def test_each_task_scores_as_it_does_alone(name, path):
    learner = LEARNERS[name]().on_path(path)
    meta = learner.init()
    scores = evaluate(learner, meta, STREAM, episodes=9, batch=5)
    alone = [
        evaluate(learner, meta, Mixed(**{**vars(STREAM), "only": t}), episodes=1) for t in range(9)
    ]
    values, nll = (torch.cat([getattr(a, f) for a in alone]) for f in ("values", "nll"))
    torch.testing.assert_close(scores.values, values, rtol=0, atol=1e-10)
    torch.testing.assert_close(scores.nll, nll, rtol=0, atol=1e-10)
    rows = sum((2 + t % 3) * (1 + t % 4) for t in range(9))
    assert int(scores.reliability.count.sum()) == rows
    assert scores.ways == (2, 4)
    assert "9 episodes, 2-4-way 1-2-shot" in str(scores)
    assert scores.to_json()["ways"] == (2, 4)


def test_curves_go_through_uneven_tasks():
    learner = LEARNERS["maml"]()
    curve = over_inner_steps(learner, learner.init(), STREAM, inner_steps=(0, 5), episodes=12)
    assert curve.mean[1] > curve.mean[0]


def test_a_learner_is_trained_and_judged_on_uneven_tasks(tmp_path):
    from innerloop.tasks import Tasks

    tasks = Tasks("mixed", "classification", STREAM, STREAM, STREAM, input_shape=(3,))
    assert tasks.outputs == 4
    run = il.train(
        il.maml(NET, inner_lr=0.1),
        tasks,
        steps=4,
        meta_batch=5,
        validation_episodes=6,
        progress=False,
        out=tmp_path / "run",
    )
    assert run.verdict is il.Verdict.OUT_OF_STEPS
    assert run.dropped == 0
    again = il.load(tmp_path / "run", NET)
    assert again.settings["training"]["ways"] == [2, 4]
    resumed = il.train(
        il.maml(NET, inner_lr=0.1),
        tasks,
        steps=4,
        meta_batch=5,
        validation_episodes=6,
        progress=False,
        out=tmp_path / "run",
        resume=True,
    )
    assert resumed.steps == 4
