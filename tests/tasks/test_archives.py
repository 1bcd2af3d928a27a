import gzip
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from innerloop import InputError
from innerloop.tasks.archives import content_digest, count, members, quick_key

IMAGES = {"set/A b/1/x.png": b"1", "set/A-b/1/x.png": b"2", "set/A/2/y.png": b"3"}


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {**IMAGES, "set/readme.txt": b"", "__MACOSX/a.png": b""}.items():
            file.writestr(name, content)
    return path


@pytest.fixture
def folder(archive):
    with zipfile.ZipFile(archive) as file:
        file.extractall(archive.parent)
    return archive.with_suffix("")


def test_an_archive_and_the_folder_extracted_from_it_hold_the_same(archive, folder):
    assert list(members(archive)) == list(members(folder)) == sorted(IMAGES.items())
    assert count(archive) == count(folder) == 3
    assert content_digest(members(archive)) == content_digest(members(folder))


def test_repacking_changes_the_key_but_not_the_content(archive, tmp_path):
    repacked = tmp_path / "again.zip"
    with zipfile.ZipFile(repacked, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in reversed(IMAGES.items()):
            file.writestr(name, content)
    assert content_digest(members(archive)) == content_digest(members(repacked))
    assert quick_key(archive) != quick_key(repacked)


def test_a_changed_image_changes_the_key_of_a_folder(folder):
    before = quick_key(folder)
    (folder / "A" / "2" / "y.png").write_bytes(b"other")
    assert quick_key(folder) != before


contents = st.dictionaries(st.text("ab/ ", max_size=3), st.binary(max_size=2), max_size=3)


@given(contents, contents)
def test_the_digest_tells_contents_apart(one, other):
    digests = [content_digest(sorted(images.items())) for images in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


def test_half_an_archive_is_refused_in_one_sentence(archive):
    archive.write_bytes(archive.read_bytes()[:100])
    for read in (count, lambda path: list(members(path))):
        with pytest.raises(
            InputError, match=r"must be a whole zip, tar or gzip file, .* delete it and fetch"
        ):
            read(archive)


def test_a_table_is_its_content_packed_or_not(tmp_path):
    packed, plain = tmp_path / "a.tsv.gz", tmp_path / "a.tsv"
    packed.write_bytes(gzip.compress(b"x\ttarget\n1\t0\n"))
    plain.write_bytes(b"x\ttarget\n1\t0\n")
    assert list(members(packed)) == list(members(plain)) == [("a.tsv", plain.read_bytes())]
    assert count(packed) == 1


def test_a_damaged_table_is_named(tmp_path):
    packed = tmp_path / "a.tsv.gz"
    packed.write_bytes(gzip.compress(b"x" * 1000)[:-9])
    with pytest.raises(InputError, match=r"whole zip, tar or gzip file, but reading .*a\.tsv\.gz"):
        list(members(packed))
