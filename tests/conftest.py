"""What every test needs: one thread, English messages, a cache of its own, and the real data."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import settings

NEIGHBOUR = Path(__file__).resolve().parents[2] / "shared" / "data"
cache = tempfile.TemporaryDirectory(prefix="innerloop-tests-")


settings.register_profile("same", derandomize=True)  # what is judged is the change, not the draw


def pytest_configure() -> None:
    if "CI" in os.environ:
        settings.load_profile("same")
    torch.set_num_threads(1)
    os.environ["INNERLOOP_CACHE"] = cache.name
    os.environ["INNERLOOP_LANG"] = "en"
    if "INNERLOOP_DATA" not in os.environ and NEIGHBOUR.is_dir():
        os.environ["INNERLOOP_DATA"] = str(NEIGHBOUR)


def pytest_unconfigure() -> None:
    cache.cleanup()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets; a test that needs one is skipped where there is none."""
    root = os.environ.get("INNERLOOP_DATA")
    if not root:
        pytest.skip("needs real data: set INNERLOOP_DATA, or put it in ../shared/data")
    return Path(root)


@pytest.fixture(scope="session")
def pmlb_root(data_root: Path) -> Path:
    if not (data_root / "pmlb" / "datasets").is_dir():
        pytest.skip("needs PMLB under the data root: innerloop data fetch pmlb")
    return data_root


@pytest.fixture(scope="session")
def omniglot_root(data_root: Path) -> Path:
    if not (data_root / "omniglot" / "python").is_dir():
        pytest.skip("needs Omniglot under the data root: innerloop data fetch omniglot")
    return data_root
