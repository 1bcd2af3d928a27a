from innerloop.tasks import digits, sinusoids


def test_outputs_follow_the_kind_of_task():
    assert sinusoids().outputs == 1
    assert digits(ways=7).outputs == 7


def test_replace_changes_all_splits_and_the_settings():
    tasks = digits().replace(ways=3, shots=None, queries=4)
    for split in ("train", "validation", "test"):
        stream = tasks.split(split)
        assert (stream.ways, stream.shots, stream.queries) == (3, 1, 4)
    assert tasks.settings == {"ways": 3, "shots": 1, "queries": 4, "size": 28}
