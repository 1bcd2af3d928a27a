import gzip
import json
import warnings

import pytest
from medicine_cases import archive, packet

from innerloop import InputError
from innerloop.tasks import data
from innerloop.tasks.cache import cache_folder
from innerloop.tasks.medicine.patients import cohort, patient_of, read_cohort, years_of


def test_what_gives_the_diagnosis_away_is_not_read():
    found = patient_of(packet("A", 7, "PMID:1", ["HP:0000010"], ["HP:0000011"]), "A", "G")
    assert "the answer" not in repr(found)
    assert found.observed == ("HP:0000010",)
    assert found.excluded == ("HP:0000011",)
    assert (found.sex, found.years, found.disease) == ("FEMALE", 2.5, "OMIM:7")
    assert (found.publication, found.folder) == ("PMID:1", "G")


def test_a_bare_packet_is_a_patient_of_whom_little_is_known():
    found = patient_of({"phenotypicFeatures": []}, "A")
    assert (found.observed, found.sex, found.years, found.disease) == ((), "", None, "")


@pytest.mark.parametrize(
    ("duration", "years"), [("P1Y", 1.0), ("P6M", 0.5), ("P7D", 7 / 365.25), ("P", None)]
)
def test_ages_are_years(duration, years):
    assert years_of(duration) == years


def test_the_cache_holds_the_same_patients_and_is_made_again_when_it_is_broken(ward):
    first = cohort()
    assert len(first.patients) == 481
    assert cohort() == first
    for kept in cache_folder().glob("phenopackets-*.json.gz"):
        kept.write_bytes(gzip.compress(b"[]"))
    assert cohort() == first


def test_a_damaged_archive_is_one_sentence(ward, tmp_path):
    path = archive(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"whole zip, tar or gzip file, .* fetch it again"):
        read_cohort(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(InputError, match="whole zip, tar or gzip file"):
        read_cohort(path)


def test_another_archive_is_one_sentence(ward, tmp_path):
    with pytest.raises(InputError, match="as published, but its 25 patients differ"):
        read_cohort(archive(tmp_path, diseases=3, publications=2))


def test_an_extracted_archive_holds_the_same(ward, tmp_path):
    folder = tmp_path / "phenopackets.tar"
    for name, content in data.members(data.locate("phenopackets")[0]):
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_cohort(folder) == cohort()
    assert json.loads(next(folder.rglob("*.json")).read_text())["id"]
