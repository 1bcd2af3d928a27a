"""Parkinson's disease by telephone: voice measures and a score of the disease (Tsanas et al. 2010,
doi:10.1109/TBME.2009.2036000)."""

from __future__ import annotations

import functools
from typing import Any, Literal

from innerloop.arguments import checked
from innerloop.language import say
from innerloop.tasks.base import WHOLE, Tasks
from innerloop.tasks.medicine.published import as_family, read_frame
from innerloop.tasks.tables import table

TIME, PATIENT = "test_time", "subject#"
SCORES = ("total_UPDRS", "motor_UPDRS")
TRAP = (
    "UPDRS was measured at three visits and interpolated linearly in between, so that time alone foretells "
    "it: only what is better than the time-only baseline has been learnt from the voice.",
    "UPDRS 仅在三次就诊时测量，其间按时间线性插值，因此仅凭时间即可预测；只有优于“仅用时间”基线的部分才来自语音。",
)


@checked()
def parkinsons(
    *,
    shots: int = WHOLE,
    queries: int = 50,
    target: Literal["total_UPDRS", "motor_UPDRS"] = "total_UPDRS",
    time: bool = False,
    seed: int = 0,
) -> Tasks:
    """42 patients with Parkinson's disease, recorded at home over half a year; a task is a patient.

    shots: recordings with a known score, from any time. queries: up to so many others.
    x: age, sex and 16 measures of the voice, standardised on meta-training's patients; with `time` also
        the days since recruitment. y: the score, by `target`.
    seed: deals patients out to the splits, about 27 / 7 / 8.

    The scores are interpolated in time, so `evaluate` always prints what time alone foretells from the
    same recordings (`beside`). Read from the data root (`innerloop data fetch parkinsons`).
    """
    make = functools.partial(
        table,
        read_frame("parkinsons")[0],
        task=PATIENT,
        target=target,
        shots=shots,
        queries=queries,
        kind="regression",
        seed=seed,
    )
    settings: dict[str, Any] = {
        "shots": shots,
        "queries": queries,
        "target": target,
        "time": time,
        "seed": seed,
    }
    without = [*SCORES, *([] if time else [TIME])]
    tasks = as_family("parkinsons", make, settings, drop=[n for n in without if n != target])
    alone = as_family("parkinsons", make, settings, features=[TIME])
    return tasks.with_beside({"time only": alone}, say(*TRAP))
