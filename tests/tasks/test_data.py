import dataclasses
import json
import zipfile

import pytest

from innerloop import InputError
from innerloop.tasks import data, omniglot
from innerloop.tasks.archives import content_digest, members


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """A tiny published set that is fetched from a file: address, and an empty data root."""
    source = tmp_path / "upstream"
    source.mkdir()
    with zipfile.ZipFile(source / "a.zip", "w") as file:
        file.writestr("a/x.png", b"picture")
    tiny = data.DataSet(
        name="tiny",
        about="one picture",
        licence="MIT",
        folder="tiny/python",
        url=source.as_uri() + "/",
        page="https://example.org/tiny",
        items=1,
        archives={"a.zip": content_digest(members(source / "a.zip"))},
    )
    monkeypatch.setitem(data.SETS, "tiny", tiny)
    monkeypatch.setenv("INNERLOOP_DATA", str(tmp_path / "root"))
    return tiny


def test_fetch_puts_verified_data_in_place(upstream, tmp_path):
    assert not data.status("tiny").present
    fetched = data.fetch("tiny")
    assert fetched.present
    assert fetched.verified
    assert fetched.items == fetched.published == 1
    folder = tmp_path / "root" / "tiny" / "python"
    assert [file.name for file in folder.iterdir()] == ["a.zip"]
    assert data.fetch("tiny") == fetched


def test_verify_sees_a_changed_image(upstream, tmp_path):
    data.fetch("tiny")
    with zipfile.ZipFile(tmp_path / "root/tiny/python/a.zip", "w") as file:
        file.writestr("a/x.png", b"another picture")
    assert data.verify("tiny").verified is False


def test_what_differs_from_the_published_set_is_not_put_in_place(upstream, tmp_path, monkeypatch):
    monkeypatch.setitem(data.SETS, "tiny", dataclasses.replace(upstream, archives={"a.zip": "0"}))
    with pytest.raises(
        InputError, match=r"\(what came is not what was published\); put a.zip from"
    ):
        data.fetch("tiny")
    assert list((tmp_path / "root/tiny/python").iterdir()) == []


def test_a_failed_download_says_what_to_put_where(upstream, tmp_path, monkeypatch):
    nowhere = dataclasses.replace(upstream, url=(tmp_path / "nowhere").as_uri() + "/")
    monkeypatch.setitem(data.SETS, "tiny", nowhere)
    with pytest.raises(InputError) as caught:
        data.fetch("tiny")
    assert "; put a.zip from https://example.org/tiny into " in str(caught.value)
    assert str(tmp_path / "root" / "tiny" / "python") in str(caught.value)


def test_an_extracted_folder_counts_as_present(upstream, tmp_path):
    folder = tmp_path / "root" / "tiny" / "python" / "a"
    folder.mkdir(parents=True)
    (folder / "x.png").write_bytes(b"picture")
    assert data.verify("tiny").verified


def test_absent_data_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_DATA", str(tmp_path))
    with pytest.raises(InputError) as caught:
        omniglot()
    assert str(caught.value) == (
        f"omniglot must lie in {tmp_path / 'omniglot/python'}, where images_background.zip and "
        "images_evaluation.zip cannot be found; run `innerloop data fetch omniglot`, or download "
        "from https://github.com/brendenlake/omniglot/tree/master/python into that folder "
        "(INNERLOOP_DATA moves it)."
    )


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        InputError,
        match="must be one of omniglot, pmlb, phenopackets, heart, parkinsons, got 'cifar'",
    ):
        data.status("cifar")


def test_without_the_variable_the_root_is_in_the_user_cache(monkeypatch):
    monkeypatch.delenv("INNERLOOP_DATA", raising=False)
    assert data.data_root().name == "data"


def test_the_listing_is_json(upstream):
    rows = [dataclasses.asdict(row) for row in data.listing()]
    assert {"omniglot", "tiny"} <= {row["name"] for row in json.loads(json.dumps(rows))}


def test_many_absent_files_are_not_all_named(tmp_path, monkeypatch):
    monkeypatch.setenv("INNERLOOP_DATA", str(tmp_path))
    with pytest.raises(
        InputError, match=r"where 1027_ESL/1027_ESL\.tsv\.gz and 191 more files cannot"
    ):
        data.locate("pmlb")
