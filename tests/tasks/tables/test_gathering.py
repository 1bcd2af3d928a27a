"""Columns that grow part by part are those that would be read at once."""

import numpy as np
import pandas as pd
import pytest

from innerloop.tasks.tables import gathering
from innerloop.tasks.tables.gathering import Growing, numbered, spread
from innerloop.tasks.tables.reading import numbers_of, values_of


def grown(*parts, text=False):
    column = Growing(text)
    for part in parts:
        column.add(part if isinstance(part, pd.Series) else pd.Series(part, dtype=object))
    return column.series()


@pytest.mark.parametrize("text", [True, False])
def test_texts_are_codes_that_mean_the_same(text):
    parts = ["7", "007", None], ["b", "7"], [None, "b"]
    found = grown(*parts, text=text)
    assert found.dtype == "category"
    assert values_of(found) == [value for part in parts for value in part]
    np.testing.assert_array_equal(numbers_of(found), [7, 7, np.nan, np.nan, 7, np.nan, np.nan])


def test_many_numbers_are_kept_as_numbers_and_what_is_none_is_missing(monkeypatch):
    monkeypatch.setattr(gathering, "WORDS", 3)
    parts = ["1", "2"], ["3.5", "4", None], ["5", "oops"]
    np.testing.assert_array_equal(grown(*parts), [1, 2, 3.5, 4, np.nan, 5, np.nan])
    assert values_of(grown(*parts, text=True))[-1] == "oops"
    assert values_of(grown(["1"], ["oops"], ["2", "3", "4", "5"]))[1] == "oops"


def test_numbers_dates_and_truth_values_stay_what_they_are():
    assert grown(pd.Series([1.0, np.nan]), pd.Series([3.0])).dtype == float
    days = pd.Series(pd.to_datetime(["2020-01-01", None]))
    assert grown(days, days).isna().tolist() == [False, True, False, True]
    assert values_of(grown(pd.Series([True, False]), [True, None])) == [
        "True",
        "False",
        "True",
        None,
    ]


def test_rows_are_numbered_by_the_names_in_their_order():
    names, places = numbered(pd.Series(["b", None, "a", "b"], dtype=object))
    assert (names, places.tolist()) == (["a", "b"], [1, -1, 0, 1])
    names, places = numbered(pd.Series([2.0, 1.0, np.nan]))
    assert (names, places.tolist()) == (["1", "2"], [1, 0, -1])


def test_what_is_fitted_is_fitted_on_rows_spread_over_meta_training(monkeypatch):
    monkeypatch.setattr(gathering, "CELLS", 50)
    assert spread(np.arange(7), 5).tolist() == [*range(7)]
    assert spread(np.arange(0, 101), 10).tolist() == [0, 25, 50, 75, 100]
