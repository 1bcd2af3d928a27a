import json

import pytest

from innerloop.tasks import TASKS, show
from innerloop.tasks.base import SPLITS

KEYS = {"shots", "queries", "ways", "support", "query", "classes"}

OWN = ("images", "function", "table")  # families of the user's own data
BUILT_IN = [name for name in TASKS if name not in OWN]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_family_is_described_as_json(name, request):
    if name in ("omniglot", "pmlb"):
        request.getfixturevalue(f"{name}_root")
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
        if facts["classes"] is not None:
            assert facts["classes"] == sum(g["classes"] for g in facts["groups"].values())
            assert facts["images"] == sum(g["images"] for g in facts["groups"].values())


@pytest.mark.parametrize("name", BUILT_IN)
def test_settings_rebuild_the_family(name, request):
    if name in ("omniglot", "pmlb"):
        request.getfixturevalue(f"{name}_root")
    tasks = TASKS[name](shots=2, queries=3)
    assert show(TASKS[name](**tasks.settings)) == show(tasks)
