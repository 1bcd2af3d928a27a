"""Rows in a mapped file: made once, gone on with after a kill, made anew where they are damaged."""

import json

import numpy as np
import pytest

from innerloop.tasks.mapped import kept

ROWS = np.arange(24, dtype=np.float32).reshape(8, 3)


class Making:
    """Blocks of three rows; it is killed at the row `until`."""

    def __init__(self, until=None):
        self.asked, self.until = [], until

    def __call__(self, first):
        self.asked.append(first)
        for start in range(first, 8, 3):
            if self.until is not None and start >= self.until:
                raise KeyboardInterrupt
            yield ROWS[start : start + 3], [f"row {n}" for n in range(start, min(start + 3, 8))]


def made(folder, blocks):
    return kept(folder, (8, 3), blocks, dtype="<f4", doing="making")


def test_rows_are_made_once_and_are_mapped(tmp_path):
    making = Making()
    for _ in range(2):
        rows, facts = made(tmp_path / "x", making)
        assert isinstance(rows, np.memmap)
        np.testing.assert_array_equal(rows, ROWS)
        assert facts == [f"row {n}" for n in range(8)]
    assert making.asked == [0]


@pytest.mark.parametrize(("until", "goes_on"), [(0, 0), (3, 3), (6, 6)])
def test_a_kill_costs_no_more_than_a_block(tmp_path, until, goes_on):
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path, Making(until))
    (tmp_path / "rows.npy").open("ab").write(b"half")
    making = Making()
    rows, facts = made(tmp_path, making)
    assert making.asked == [goes_on]
    np.testing.assert_array_equal(rows, ROWS)
    assert len(facts) == 8


def test_another_shape_or_a_short_file_is_made_anew(tmp_path):
    made(tmp_path, Making())
    whole = (tmp_path / "rows.npy").read_bytes()
    for harm in (whole[:-1], b"", b"nothing of an array"):
        (tmp_path / "rows.npy").write_bytes(harm)
        np.testing.assert_array_equal(made(tmp_path, Making())[0], ROWS)
    assert json.loads((tmp_path / "whole.json").read_text()) == {"rows": 8}
