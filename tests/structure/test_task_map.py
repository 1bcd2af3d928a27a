"""Maps of tasks, and whether their groups are the families that are known."""

from __future__ import annotations

import json

import pytest
import torch
from structure_cases import two_kinds

import innerloop as il
from innerloop import InputError
from innerloop.structure import Agreement, Point, TaskEncoder, task_map
from innerloop.structure.clusters import (
    adjusted_rand,
    grouped,
    kinds_of,
    laid_out,
    nearest_others,
    standardised,
)
from innerloop.structure.trivial import TRIVIAL


def blobs(groups: int = 3, each: int = 12, dims: int = 4):
    g = torch.Generator().manual_seed(0)
    centres = 8 * torch.randn(groups, 1, dims, generator=g, dtype=torch.float64)
    points = centres + torch.randn(groups, each, dims, generator=g, dtype=torch.float64)
    return points.flatten(0, 1), torch.arange(groups).repeat_interleave(each)


def straightness() -> TaskEncoder:
    """A description that tells lines from sines at once."""

    def one(support):
        gap = (support.y - 3 * support.x).abs().mean()[None]
        return Point((gap > 1e-3).double(), torch.zeros(1, dtype=torch.float64))

    return TaskEncoder("straightness", one)


@pytest.mark.parametrize("groups", [3, None])
def test_groups_that_lie_apart_are_found(groups):
    points, kinds = blobs()
    assert adjusted_rand(grouped(points, groups), kinds) == 1
    assert torch.equal(grouped(points, groups), grouped(points, groups))


def test_points_that_are_all_the_same_are_one_group():
    assert grouped(torch.zeros(5, 2), 3).tolist() == [0] * 5
    assert grouped(torch.zeros(5, 2)).tolist() == [0] * 5


@pytest.mark.parametrize("how", ["pca", "tsne"])
def test_a_layout_is_the_same_each_time_and_keeps_groups_apart(how):
    points, kinds = blobs()
    layout = laid_out(points, how)
    assert layout.shape == (36, 2)
    assert torch.equal(layout, laid_out(points, how))
    assert adjusted_rand(grouped(layout.double(), 3), kinds) == 1


def test_neighbours_are_the_nearest_others():
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    assert nearest_others(points, 2).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert nearest_others(points, 9).shape == (4, 3)


def test_a_standardised_column_that_does_not_vary_says_nothing():
    points, _ = blobs()
    wide = torch.cat([1e6 * points, torch.full((36, 1), 0.1)], 1)
    assert torch.allclose(standardised(wide)[:, :4], standardised(points))
    assert standardised(wide)[:, 4].tolist() == [0] * 36


def test_an_encoder_that_tells_the_families_is_seen_to_beat_the_trivial_ones():
    found = task_map(straightness(), two_kinds(), episodes=40, seeds=6)
    assert found.agreement.values.tolist() == [1] * 6
    assert set(found.agreement.beside) == {e.name for e in TRIVIAL}
    assert "straightness finds the known families better than" in str(found)
    assert (found.kind_of(0), found.kind_of(1)) == ("sine", "line")
    assert found.to_json()["agreement"]["adjusted_rand"]["straightness"]["mean"] == 1


def test_an_encoder_that_sees_nothing_is_seen_to_lose():
    blind = TaskEncoder("blind", lambda support: Point(torch.zeros(1), torch.zeros(1)))
    found = task_map(blind, two_kinds(), episodes=40, seeds=3)
    assert found.agreement.values.tolist() == [0, 0, 0]
    assert "blind loses to the labels' mean and variance" in str(found)


def test_what_cannot_be_told_apart_by_the_seeds_is_called_no_better():
    near = torch.tensor([0.5, 0.7, 0.6])
    other = {"the labels": torch.tensor([0.7, 0.5, 0.6])}
    assert Agreement("e", near, other, 10).verdict == (
        "The e finds the known families no better than the the labels do, as far as 3 seeds can tell."
    )
    assert "no better" in Agreement("e", near[:1], {"b": near[1:2]}, 10).verdict


def test_without_known_families_groups_are_shown_and_nothing_is_claimed():
    stream = il.tasks.sinusoids().test
    assert kinds_of(stream, 0, 5) is None
    found = task_map(straightness(), stream, episodes=10)
    assert found.agreement is None
    assert "no known families" in str(found)
    json.dumps(found.to_json())


def test_tasks_of_several_shapes_are_mapped():
    stream = il.tasks.digits(ways=(2, 4), shots=(1, 3)).test
    made = il.protonet(il.models.mlp(784, None, hidden=8))
    found = task_map(il.structure.from_learner(made, made.init()), stream, episodes=12)
    assert found.layout.isfinite().all()
    assert len(found.names) == 12


def test_the_map_does_not_depend_on_how_many_seeds_judge_it():
    few, more = (task_map(straightness(), two_kinds(), episodes=12, seeds=n) for n in (1, 2))
    assert torch.equal(few.layout, more.layout)
    assert few.agreement.values[0] == more.agreement.values[0]


def test_fewer_than_three_tasks_are_no_map():
    with pytest.raises(InputError, match="a map needs at least 3 tasks, got 2"):
        task_map(straightness(), two_kinds(), episodes=2)
    with pytest.raises(
        InputError, match="seeds counts draws of tasks and must be at least 1, got 0"
    ):
        task_map(straightness(), two_kinds(), seeds=0)
