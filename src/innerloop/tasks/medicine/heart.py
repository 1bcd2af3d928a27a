"""Heart disease in four hospitals (Detrano et al. 1989, doi:10.1016/0002-9149(89)90524-9)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from innerloop.arguments import checked
from innerloop.language import say
from innerloop.tasks.base import Tasks
from innerloop.tasks.medicine.published import as_family, read_frame
from innerloop.tasks.tables import table
from innerloop.tasks.tables.reading import pandas

HOSPITALS = ("cleveland", "hungarian", "switzerland", "va")
COLUMNS = (
    *("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"),
    *("slope", "ca", "thal", "disease"),
)
AGAIN = "again "  # before the name of a training hospital that validation tasks are drawn from
KINDS = ("cp", "restecg", "slope", "thal")  # numbers that name kinds
FOUR = (
    "Four hospitals are four tasks: figures say how it went in them, not how it would go in a fifth, and "
    "settings cannot be chosen on hospitals of their own, so validation draws from the training ones.",
    "四家医院即四个任务：结果只说明在这四家的表现，不能推断第五家；也没有独立的医院用于选择设置，"
    "因此验证任务取自训练医院。",
)


@checked()
def heart(
    *,
    shots: int = 10,
    queries: int = 100,
    hospital: Literal["cleveland", "hungarian", "switzerland", "va"] = "va",
) -> Tasks:
    """920 patients of four hospitals, with heart disease or without; a task is a hospital.

    hospital: is left out of meta-training and is the only test task.
    shots: patients of the hospital whose diagnosis is known, as they come. queries: up to so many others.
    x: 13 clinical features, standardised, kinds one-hot; "?" and a cholesterol of 0 are missing, which is
        information of its own: every feature that may be missing has a place that says so.
    y: 1 for disease (a narrowed vessel), 0 for none, as one label that a patient has or not.

    Validation tasks are of the three training hospitals: with four tasks there is no other way, and the
    remarks say so. Read from the data root (`innerloop data fetch heart`).
    """
    rows = hospitals()
    known = rows[rows["hospital"] != hospital]
    split = {**dict.fromkeys(HOSPITALS, "train"), hospital: "test"}
    split |= dict.fromkeys((AGAIN + name for name in HOSPITALS if name != hospital), "validation")
    make = functools.partial(
        table,
        concatenated([rows, known.assign(hospital=AGAIN + known["hospital"])]),
        task="hospital",
        target="disease",
        shots=shots,
        queries=queries,
        kind="multilabel",
        split=split,
    )
    settings: dict[str, Any] = {"shots": shots, "queries": queries, "hospital": hospital}
    tasks = as_family("heart", make, settings)
    return replace(tasks, remarks=(*tasks.remarks, say(*FOUR)))


def hospitals() -> Any:
    """All rows, with what is missing as missing and kinds as words."""
    frames = []
    for name, frame in zip(HOSPITALS, read_frame("heart", names=COLUMNS), strict=True):
        frames.append(frame.assign(hospital=name))
    rows = concatenated(frames)
    rows["chol"] = rows["chol"].where(rows["chol"] > 0)
    for kind in KINDS:
        named = rows[kind].map(lambda value: f"{kind} {value:g}", na_action="ignore")  # noqa: B023
        rows[kind] = named.astype(object).where(rows[kind].notna(), None)
    rows["disease"] = (rows["disease"] > 0).map({True: "yes", False: "no"})
    return rows


def concatenated(frames: Sequence[Any]) -> Any:
    return pandas().concat(list(frames), ignore_index=True)
