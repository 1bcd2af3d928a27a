"""The reliability diagram: written whole, both curves in it."""

import torch
from PIL import Image

from innerloop.evaluation import reliability
from innerloop.evaluation.temperature import Calibrated
from innerloop.report.reliability import draw


def rgb(hexadecimal: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(hexadecimal[1:]))


def test_both_curves_are_drawn(tmp_path):
    sure = torch.linspace(0.3, 1, 200)
    right = torch.arange(200) % 3 > 0
    found = Calibrated(2.0, reliability(sure, right), reliability(sure / 2 + 0.3, right))
    path = draw(tmp_path / "diagram.png", found, title="a title")
    from innerloop.report.reliability import AFTER, BEFORE

    with Image.open(path) as picture:
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    assert {rgb(BEFORE), rgb(AFTER)} <= colours
