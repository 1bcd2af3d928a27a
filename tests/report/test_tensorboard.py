import sys

import pytest

import innerloop as il
from innerloop.errors import MissingExtra
from innerloop.report.tensorboard import CURVES, write_events


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    learner = il.maml(il.models.mlp(1, 1, hidden=4, layers=1))
    return il.train(
        learner,
        il.tasks.sinusoids(),
        steps=4,
        meta_batch=2,
        validation_episodes=4,
        out=tmp_path_factory.mktemp("runs") / "run",
        progress=False,
    )


def test_without_the_extra_it_is_named(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtra, match=r"pip install 'innerloop\[tensorboard\]'"):
        write_events(run.folder)


def test_every_point_of_the_history_is_an_event(run):
    pytest.importorskip("tensorboard", reason="needs the extra innerloop[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(write_events(run.folder)))
    events.Reload()
    for curve in CURVES:
        points = {point.step: point.value for point in events.Scalars(curve)}
        expected = {row["step"]: row[curve] for row in run.history if row[curve] is not None}
        assert points == pytest.approx(expected)
