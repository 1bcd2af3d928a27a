import json

import numpy as np
import pandas as pd
import pytest
import torch

from innerloop import InputError
from innerloop.tasks import phenopackets
from innerloop.tasks.inputs import inputs_from_json, inputs_to_json


@pytest.fixture
def inputs(ward):
    return phenopackets().inputs


WOMAN = {"findings": "HP:0000010; HP:0000011", "sex": "F", "age": 2.5}


def test_every_patient_is_a_vector_of_length_one(inputs):
    x = inputs.x([WOMAN, {"findings": ["HP:0000012"]}])
    assert x.shape == (2, inputs.width)
    assert torch.allclose(x.norm(dim=1), torch.ones(2))


def test_one_patient_has_many_forms(inputs, tmp_path):
    packet = {
        "subject": {"sex": "FEMALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P2Y6M"}}},
        "phenotypicFeatures": [{"type": {"id": f"HP:000001{n}", "label": ""}} for n in (0, 1)],
    }
    (tmp_path / "a.json").write_text(json.dumps(packet))
    pd.DataFrame([WOMAN]).to_csv(tmp_path / "a.csv", index=False)
    expected = inputs.x([WOMAN])
    labelled = {**WOMAN, "findings": "Sign 1|sign 0", "sex": "女"}
    forms = [WOMAN, labelled, packet, tmp_path / "a.json", [tmp_path / "a.json"]]
    for form in [*forms, tmp_path / "a.csv", pd.DataFrame([WOMAN])]:
        assert torch.equal(inputs.x(form), expected), form


def test_the_order_of_findings_does_not_matter_and_their_number_of_times_neither(inputs):
    again = {**WOMAN, "findings": "HP:0000011; HP:0000010; HP:0000011"}
    assert torch.equal(inputs.x(again), inputs.x(WOMAN))


def test_weights_are_counted_on_meta_training_alone(ward):
    tasks = phenopackets()
    bank = tasks.train.bank
    term, weight = next(iter(tasks.inputs.terms.items()))
    have = sum(term in patient.observed for patient in bank.patients)
    assert weight == pytest.approx(np.log((1 + len(bank.patients)) / (1 + have)), abs=1e-4)


def test_they_come_back_from_json(inputs):
    again = inputs_from_json(json.loads(json.dumps(inputs_to_json(inputs))))
    assert torch.equal(again.x(WOMAN), inputs.x(WOMAN))


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ({"findings": ""}, "at least one observed finding, and 0 has none"),
        ({"findings": None}, "at least one observed finding"),
        ({"findings": "headache of sorts"}, "'headache of sorts', which is none; write its id"),
        ({"findings": 7}, "has '7', which is none"),
        ({"sex": "F"}, "needs findings, but row 0 has sex alone"),
        ({**WOMAN, "age": "old"}, "age is in years, got 'old'"),
        ({**WOMAN, "age": -3}, "age is in years, got -3"),
        ([3], "patients are dicts with findings"),
        (3, "patients are dicts with findings"),
        ({"phenotypicFeatures": [], "id": "B"}, "observed finding, and B has none"),
    ],
)
def test_what_is_no_patient_is_one_sentence(inputs, raw, sentence):
    with pytest.raises(InputError, match=sentence):
        inputs.x(raw)


@pytest.mark.parametrize("content", [b"{broken", "é".encode("latin-1"), b"[1]"])
def test_a_broken_packet_is_one_sentence(inputs, tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="a phenopacket is a JSON file in UTF-8"):
        inputs.x([path])
