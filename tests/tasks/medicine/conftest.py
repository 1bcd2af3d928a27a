"""A data root that holds a small ontology and a small archive of patients."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from medicine_cases import archive, digest

from innerloop.tasks import data
from innerloop.tasks.medicine.phenopackets import prepared


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("ward")
    path = archive(root)
    known = dataclasses.replace(
        data.SETS["phenopackets"], archives={path.name: digest(path)}, items=481
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(data.SETS, "phenopackets", known)
        patch.setenv("INNERLOOP_DATA", str(root))
        prepared.cache_clear()
        yield root
    prepared.cache_clear()
