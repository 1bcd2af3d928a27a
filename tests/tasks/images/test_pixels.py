import io

import numpy as np
import pytest
import torch
from picture_cases import picture
from PIL import Image

from innerloop import InputError
from innerloop.tasks.images.inputs import ImageInputs
from innerloop.tasks.images.pixels import Unreadable, eight_bits, is_grey, open_image, pixels
from innerloop.tasks.inputs import inputs_from_json, inputs_to_json

MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "LA", "I", "F", "I;16")


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_bytes_of_one_shape(mode):
    image = picture(0)
    image = (
        image.convert("L").convert("I").convert("I;16") if mode == "I;16" else image.convert(mode)
    )
    for channels in (1, 3):
        made = pixels(image, channels=channels, size=8)
        assert made.shape == (channels, 8, 8)
        assert made.dtype == np.uint8
        assert made.std() > 10
    assert is_grey(image) == (mode in ("1", "L", "LA", "I", "F", "I;16"))


def test_sixteen_bits_are_scaled_not_cut_off():
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    file = io.BytesIO()
    Image.fromarray(ramp).save(file, "png")
    made = pixels(open_image(file), channels=1, size=16)[0].reshape(-1)
    assert (np.abs(made.astype(int) - np.arange(256)) <= 1).all()
    floats = Image.fromarray(np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16))
    assert (np.asarray(eight_bits(floats)).reshape(-1) == np.arange(256)).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_is_white(mode):
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode)
    if mode == "P":
        clear.info["transparency"] = clear.getpixel((0, 0))
    assert (pixels(clear, channels=1, size=8) == 255).all()


def test_a_photograph_is_turned_as_its_camera_was(tmp_path):
    image = picture(0, (20, 10))
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg").size == (10, 20)


def test_an_image_that_is_no_square_is_stretched_cropped_or_padded():
    wide = Image.new("L", (40, 20), 255)
    wide.paste(0, (0, 0, 10, 20))
    stretched, cropped, padded = (
        pixels(wide, channels=1, size=20, fit=fit)[0] for fit in ("stretch", "crop", "pad")
    )
    assert stretched[:, :4].max() == 0
    assert cropped.min() == 255
    assert padded[:4].max() == 0
    assert padded[10, 19] == 255


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_what_cannot_be_decoded_is_said(tmp_path, damage):
    path = tmp_path / "a.png"
    picture(0, (60, 60)).save(path)
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "text": b"hello", "empty": b""}[damage])
    with pytest.raises(Unreadable):
        open_image(path)
    with pytest.raises(InputError, match=r"a\.png' cannot be read as an image: .*; give another"):
        ImageInputs(channels=1, size=8).x(path)


def test_inputs_take_paths_images_and_arrays_alike(tmp_path):
    image = picture(0, (8, 8))
    image.save(tmp_path / "a.png")
    inputs = ImageInputs(channels=3, size=8)
    expected = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    grid = np.asarray(image)
    raws = [str(tmp_path / "a.png"), tmp_path / "a.png", image, grid, grid[None]]
    raws += [torch.from_numpy(grid.transpose(2, 0, 1).copy()), grid.astype(np.float32) / 255]
    for raw in raws:
        torch.testing.assert_close(inputs.x(raw), expected, rtol=0, atol=2e-7)
    assert inputs.x([image, tmp_path / "a.png", grid]).shape == (3, 3, 8, 8)
    assert inputs.x([]).shape == (0, 3, 8, 8)
    assert inputs_from_json(inputs_to_json(inputs)) == inputs


@pytest.mark.parametrize("raw", [np.zeros(5), np.zeros((4, 4, 2, 2, 2)), np.array(["a"])])
def test_what_is_no_image_is_refused(raw):
    with pytest.raises(InputError, match="an image must be a path, a PIL image, or an array"):
        ImageInputs(channels=1, size=8).x(raw)


def test_floating_pixels_lie_between_0_and_1():
    with pytest.raises(
        InputError, match="floating point between 0 and 1, got numbers from -1 to 0"
    ):
        ImageInputs(channels=1, size=8).x(np.full((4, 4), -1.0))
