"""What columns are taken for, how they become numbers, and what a user's rows may look like."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from table_cases import visits

import innerloop as il
from innerloop.tasks.inputs import inputs_from_json, inputs_to_json
from innerloop.tasks.tables.columns import column_from_json, column_to_json, fit_column
from innerloop.tasks.tables.reading import plain_column

DAYS = ["2024-02-29", "2024-03-01", "2023-12-31", None]


def fitted(values):
    return fit_column("c", plain_column(pd.Series(values)))


def encoded(values, more):
    return fitted(values).encode(plain_column(pd.Series(more))).tolist()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "2.5", None, "1e3"], "number"),
        ([1, 2, 2, 5], "number"),
        (["yes", "No", None], "boolean"),
        ([True, False, True], "boolean"),
        (["a", "b", "b", "7"], "category"),
        (DAYS, "date"),
        (["31.12.2020", "01.01.2021"], "date"),
        (["2020年1月3日", "2021年12月4日"], "date"),
        (pd.to_datetime(DAYS[:3]), "date"),
        (["12", "13", "14"], "number"),
    ],
)
def test_what_a_column_is_taken_for(values, kind):
    column = fitted(values)
    assert column.kind == kind
    again = column_from_json(json.loads(json.dumps(column_to_json(column))))
    assert again == column
    found = column.encode(plain_column(pd.Series(values)))
    assert found.shape == (len(values), column.width)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([None, None], "empty"),
        (["x"] * 5, "constant"),
        ([f"name {n}" for n in range(20)], "id-like"),
        (list(range(100, 120)), "id-like"),
    ],
)
def test_columns_that_say_nothing(values, why):
    assert fitted(values) == why


def test_missing_numbers_are_the_median_and_marked():
    assert encoded(["1", "3", "8", None], [None, "inf", "8", "word"]) == [
        pytest.approx([(3 - 3.75) / np.std([1, 3, 8, 3]), 1]),
        pytest.approx([(3 - 3.75) / np.std([1, 3, 8, 3]), 1]),
        pytest.approx([(8 - 3.75) / np.std([1, 3, 8, 3]), 0]),
        pytest.approx([(3 - 3.75) / np.std([1, 3, 8, 3]), 1]),
    ]


def test_categories_beyond_the_limit_and_unseen_ones_share_a_slot():
    assert encoded(["b", "a", "b"], ["a", "b", "z", None]) == [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 1],
    ]
    many = [f"v{n % 30:02}" for n in range(300)] + ["v29", None]
    column = fitted(many)
    assert len(column.values) == 20
    assert column.encode(plain_column(pd.Series(["v19", "v29", None]))).argmax(1).tolist() != [
        0,
        0,
        0,
    ]
    assert column.width == 22


def test_a_date_is_elapsed_years_and_points_on_circles():
    column = fitted(DAYS)
    found = column.encode(plain_column(pd.Series([*DAYS, "2025-02-28"])))
    years = np.array([60, 61, 0]) / 365.25
    np.testing.assert_allclose(found[:3, 0], (years - years.mean()) / years.std(), atol=1e-9)
    # a Thursday in February
    np.testing.assert_allclose(found[0, 2:6], [1 / 2, np.sqrt(3) / 2, *turn(3 / 7)], atol=1e-9)
    assert found[3].tolist() == [0, 0, 0, 0, 0, 0, 1]
    np.testing.assert_allclose(found[4, 2:4], found[0, 2:4])


def turn(fraction):
    return [np.sin(2 * np.pi * fraction), np.cos(2 * np.pi * fraction)]


@pytest.fixture(scope="module")
def inputs():
    return il.tasks.table(visits(), task="patient", target="score", drop=["ill"]).inputs


def test_inputs_are_json_and_come_back(inputs):
    again = inputs_from_json(json.loads(json.dumps(inputs_to_json(inputs))))
    assert again == inputs
    assert torch.equal(again.x(visits()), inputs.x(visits()))


def test_rows_come_in_many_forms_and_mean_the_same(inputs, tmp_path):
    frame = visits()[["age", "dose", "day", "smoker", "pressure"]].head(4)
    x = inputs.x(frame)
    assert x.dtype == torch.float32
    frame.to_csv(tmp_path / "rows.csv", index=False)
    rows = frame.assign(day=frame["day"].astype(str)).to_dict("records")
    forms = [rows, frame[frame.columns[::-1]], frame.to_dict("list"), tmp_path / "rows.csv"]
    for raw in forms:
        torch.testing.assert_close(inputs.x(raw), x)
    torch.testing.assert_close(inputs.x(rows[0]), x[:1])


def test_an_answer_does_not_depend_on_the_other_rows(inputs):
    frame = visits().head(30)
    torch.testing.assert_close(inputs.x(frame)[7:8], inputs.x(frame.iloc[[7]]))


def test_missing_and_further_columns_are_one_sentence(inputs):
    frame = visits()
    with pytest.raises(il.InputError, match=r"'age' missing among .*; did you mean agee\?"):
        inputs.x(frame.rename(columns={"age": "agee"}))
    with pytest.warns(UserWarning, match="are not looked at: 'weight'"):
        inputs.x(frame.assign(weight=3))
    with pytest.raises(il.InputError, match=r"must have shape \(rows, 5\).* got \(2, 4\)"):
        inputs.x(np.zeros((2, 4)))
    with pytest.raises(il.InputError, match=r"rows of a table are a DataFrame.* got int"):
        inputs.x(3)
    with pytest.raises(il.InputError, match="columns must be of one length"):
        inputs.x({"age": [1, 2], "dose": ["low"]})
