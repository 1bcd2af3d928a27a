"""Places among all classes, counted slowly beside."""

import pytest
import torch

import innerloop as il
from innerloop.errors import InputError
from innerloop.evaluation.ranking import Ranking, ranking, whole


@pytest.fixture(scope="module")
def digits():
    return il.tasks.digits(ways=2, shots=2, queries=3)


@pytest.fixture(scope="module")
def mean():
    learner = il.nearest_centroid()
    return learner, learner.init()


def test_every_class_of_the_split_takes_part_whatever_the_ways(digits, mean):
    two, three = (
        ranking("mean", mean, digits.replace(ways=ways).test, episodes=5) for ways in (2, 3)
    )
    assert two.ways == len(digits.test.fit)
    torch.testing.assert_close(two.places["mean"], three.places["mean"])
    assert sorted(set(two.classes.tolist())) == digits.test.fit.tolist()


def test_places_belong_to_the_classes_that_were_asked_for(digits, mean):
    found = ranking("mean", mean, digits.test, episodes=6)
    stream, learner, slow = whole(digits.test), mean[0], []
    for number in range(6):
        episode = stream.sample(index=number)[0]
        logits = learner.predict(mean[1], learner.adapt(mean[1], episode.support), episode.query.x)
        for row, y in zip(logits, episode.query.y.tolist(), strict=True):
            slow.append((int(episode.classes[y]), int((row >= row[y]).sum())))
    assert list(zip(found.classes.tolist(), found.places["mean"].tolist(), strict=True)) == slow


def test_a_class_counts_once_however_often_it_is_drawn(digits, mean):
    found = ranking("mean", mean, digits.test, episodes=8)
    right = (found.places["mean"] == 1).double()
    each = [right[found.classes == c].mean().item() for c in found.classes.unique()]
    assert found.top("mean", 1).mean == pytest.approx(sum(each) / len(each))


def test_a_baseline_is_asked_the_same_and_the_gain_is_paired(digits, mean):
    found = ranking("mean", mean, digits.test, episodes=4, baselines={"same": mean})
    assert found.gain("mean", "same", 1) == (0.0, 0.0)
    assert found.to_json()["baselines"]["same"]["top1"]["mean"] == found.top("mean", 1).mean


def test_among_four_classes_nobody_is_among_the_first_five():
    found = Ranking({"one": torch.tensor([1, 3])}, torch.tensor([0, 1]), 4, 1, 1)
    assert "top-1 50.0" in str(found)
    assert "top-5" not in str(found)
    assert set(found.to_json()) == {"top1", "ways", "shots", "episodes", "baselines"}


def test_numbers_have_no_places():
    learner = il.ridge()
    with pytest.raises(InputError, match="leave rank out"):
        ranking("ridge", (learner, learner.init()), il.tasks.linear().test)
