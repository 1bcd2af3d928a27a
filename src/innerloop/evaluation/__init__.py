"""Scores with intervals on new tasks, beside honest baselines on the same episodes."""

from innerloop.evaluation.baselines import (
    Baseline,
    LeftOut,
    pretrained_baselines,
    tuned,
    untrained_baselines,
)
from innerloop.evaluation.calibration import (
    Reliability,
    expected_calibration_error,
    reliability,
)
from innerloop.evaluation.compare import Comparison, Difference, compare, paired
from innerloop.evaluation.curves import Curve, over_inner_steps, over_shots
from innerloop.evaluation.evaluate import evaluate
from innerloop.evaluation.interval import mean_and_ci95
from innerloop.evaluation.joint import joint_log_likelihood
from innerloop.evaluation.judging import score
from innerloop.evaluation.ranking import ranks
from innerloop.evaluation.scores import Scores
from innerloop.evaluation.temperature import temperature

__all__ = [
    "Baseline",
    "Comparison",
    "Curve",
    "Difference",
    "LeftOut",
    "Reliability",
    "Scores",
    "compare",
    "evaluate",
    "expected_calibration_error",
    "joint_log_likelihood",
    "mean_and_ci95",
    "over_inner_steps",
    "over_shots",
    "paired",
    "pretrained_baselines",
    "ranks",
    "reliability",
    "score",
    "temperature",
    "tuned",
    "untrained_baselines",
]
