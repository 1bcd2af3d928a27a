"""Columns that say the target, or nearly, or are but names, are pointed out before training."""

import numpy as np
import pandas as pd
import pytest
from table_cases import visits

import innerloop as il
from innerloop.tasks.tables.leaks import Leaks, leaks_in

RANDOM = np.random.default_rng(0)
SCORE = RANDOM.normal(size=400)
ILL = (SCORE > 0).astype(int)
COLUMNS = pd.DataFrame(
    {
        "twice": 2 * SCORE + 1,
        "nearly": SCORE + 0.02 * RANDOM.normal(size=400),
        "somehow": SCORE + 0.5 * RANDOM.normal(size=400),
        "word": np.where(ILL, "ill", "well"),
        "mostly": np.where(np.arange(400) % 200 == 7, "?", np.where(ILL, "ill", "well")),
        "hint": np.where(RANDOM.random(400) < 0.8, ILL, 1 - ILL).astype(str),
    }
)


def test_what_gives_a_number_away():
    assert leaks_in(COLUMNS, list(COLUMNS), SCORE[:, None], False) == Leaks(("twice",), ("nearly",))


def test_what_gives_a_class_away():
    exact, near = leaks_in(COLUMNS, list(COLUMNS), ILL, True)
    assert exact == ("twice", "word")
    assert set(near) == {"mostly"} | ({"nearly"} & set(near))
    assert not {"somehow", "hint"} & {*exact, *near}


def test_a_class_that_nearly_all_rows_have_says_nothing():
    rare = (np.arange(400) == 3).astype(int)
    assert leaks_in(COLUMNS, list(COLUMNS), rare, True) == Leaks()


@pytest.mark.filterwarnings("ignore:'hospital_id'")
def test_check_and_table_say_so():
    frame = visits().assign(almost=lambda f: f["score"] + RANDOM.normal(0, 0.5, len(f)))
    frame["hospital_id"] = RANDOM.integers(0, 5, len(frame))
    how = {"task": "patient", "target": "score", "drop": ["ill"]}
    with pytest.warns(UserWarning, match="follows from 'almost' with hardly any error"):
        il.tasks.table(frame, **how)
    said = " ".join(il.tasks.table_facts(frame, **how)["warnings"])
    assert "'hospital_id' is called like an identifier and taken as a feature" in said
