"""Folders and zip archives: what is read, what is left out and why, and what can do no harm."""

import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_samples import files_below, seen

from tfspine.dicom import sources
from tfspine.dicom.sources import open_source, unpack
from tfspine.errors import DicomError
from tfspine.structures import Refusal


def zipped(path: Path, members: dict[str, bytes], **options: int) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_folder_gives_all_its_files_whatever_they_are_called(tmp_path: Path) -> None:
    names = ["IM000001", "a/b/c/1.2.840.1", "a/notes.txt", ".DS_Store", "__MACOSX/._IM000001", "Thumbs.db", "x y.dcm"]
    for number, name in enumerate(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes([number]))
    assert seen(tmp_path) == ({name: bytes([number]) for number, name in enumerate(names)}, {})


def test_one_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "IM1").write_bytes(b"x")
    assert seen(tmp_path / "IM1") == ({"IM1": b"x"}, {})


def test_nothing_there_is_one_clear_line(tmp_path: Path) -> None:
    with (
        pytest.raises(DicomError, match="gone: no such file or folder; expected DICOM files"),
        open_source(tmp_path / "gone"),
    ):
        pass


def test_links_and_locked_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "IM1").write_bytes(b"x")
    (tmp_path / "in" / "around").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "lost").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "in" / "pipe")
    content, refused = seen(tmp_path / "in")
    assert list(content) == ["sub/IM1"]
    assert refused == {
        "around": "a link to a folder; name that folder",
        "lost": "not a file",
        "pipe": "not a file",
    }


def test_a_locked_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the operating system refuses it to all but root."""
    (tmp_path / "locked").mkdir()
    (tmp_path / "open").write_bytes(b"x")
    look = os.scandir

    def refuse(folder: str | int) -> object:
        if folder == str(tmp_path / "locked"):
            raise PermissionError(13, "Permission denied", str(folder))
        return look(folder)

    monkeypatch.setattr("os.scandir", refuse)
    assert seen(tmp_path) == ({"open": b"x"}, {"locked": "folder cannot be read: Permission denied"})


def test_a_zip_and_a_folder_with_zips_give_their_files_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "in").mkdir()
    members = {"study/IM1": b"one", "study/deep/IM2": b"two", "empty/": b""}
    archive = zipped(tmp_path / "in" / "a.ZIP", members, compression=zipfile.ZIP_DEFLATED)
    assert seen(archive) == ({"study/IM1": b"one", "study/deep/IM2": b"two"}, {})
    (tmp_path / "in" / "IM3").write_bytes(b"three")
    zipped(tmp_path / "in" / "b.zip", {"study/IM1": b"other"})
    content, refused = seen(tmp_path / "in")
    assert content == {
        "IM3": b"three",
        "a.ZIP/study/IM1": b"one",
        "a.ZIP/study/deep/IM2": b"two",
        "b.zip/study/IM1": b"other",
    }
    assert refused == {}
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "..\\evil", "a\\..\\..\\evil", "C:\\evil", "c:evil", "\\\\host\\evil"]
)
def test_names_that_lead_outside_are_left_out(name: str, tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {name: b"evil", "good": b"good"})
    (tmp_path / "deep" / "out").mkdir(parents=True)
    (refused,) = unpack(archive, tmp_path / "deep" / "out")
    assert refused == Refusal(name, "not unpacked: its name leads outside the archive")
    assert files_below(tmp_path) == ["a.zip", "deep/out/good"]


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
tricks = st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "b", "C:", "~", "%2e%2e", "\u202e", "\n"]), min_size=1)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(members=st.lists(st.one_of(names, tricks.map("".join), tricks.map("/".join)), min_size=1, max_size=6))
def test_no_name_writes_outside_and_every_member_is_read_or_refused(members: list[str], tmp_path: Path) -> None:
    root = tmp_path / "run"
    shutil.rmtree(root, ignore_errors=True)
    (root / "deep" / "out").mkdir(parents=True)
    with zipfile.ZipFile(root / "a.zip", "w") as archive:
        for name in members:
            archive.writestr(zipfile.ZipInfo(name), b"x")
        expected = sum(not member.is_dir() for member in archive.infolist())
    refused = unpack(root / "a.zip", root / "deep" / "out")
    written = [name for name in files_below(root) if name != "a.zip"]
    assert all(name.startswith("deep/out/") for name in written)
    assert len(written) + len(refused) == expected
    assert all("\n" not in item.file + item.reason for item in refused)


def test_links_encrypted_members_and_odd_methods_are_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret", b"x")
        archive.writestr("lzma", b"x" * 1000, compress_type=zipfile.ZIP_LZMA)
        archive.writestr("good", b"x")
        archive.infolist()[1].flag_bits |= 1
    (tmp_path / "out").mkdir()
    refused = {item.file: item.reason for item in unpack(tmp_path / "a.zip", tmp_path / "out")}
    assert refused == {
        "link": "not unpacked: a link; expected a file",
        "secret": "not unpacked: encrypted; unpack the archive yourself and name the folder",
        "lzma": "not unpacked: compression method 14; expected stored or deflated; unpack the archive yourself",
    }
    assert files_below(tmp_path / "out") == ["good"]


def test_names_that_clash_are_left_out(tmp_path: Path) -> None:
    """A second member of one name, and one that takes a file for a folder."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name in ("a", "a", "a/b", "c/d", "c"):
            archive.writestr(name, name)
    (tmp_path / "out").mkdir()
    refused = unpack(tmp_path / "a.zip", tmp_path / "out")
    assert refused == tuple(Refusal(name, "not unpacked: a second member of this name") for name in ("a", "a/b", "c"))
    assert files_below(tmp_path / "out") == ["a", "c/d"]


def test_names_too_long_for_a_file_are_read_under_a_number(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"x" * 300: b"long", "/".join("y" * 600): b"deep", "tab\there": b"odd"})
    (tmp_path / "out").mkdir()
    assert unpack(archive, tmp_path / "out") == ()
    assert files_below(tmp_path / "out") == ["member-000000", "member-000001", "member-000002"]


def test_a_bomb_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    """50 MB of zeros deflate to 50 kB, a thousandth."""
    members = {"bomb": bytes(50 << 20), "good": os.urandom(1000)}
    archive = zipped(tmp_path / "a.zip", members, compression=zipfile.ZIP_DEFLATED)
    (tmp_path / "out").mkdir()
    (refused,) = unpack(archive, tmp_path / "out")
    assert refused.file == "bomb"
    assert "bytes that unpack to 52428800; expected MR images" in refused.reason
    assert files_below(tmp_path / "out") == ["good"]


def test_a_member_larger_than_it_says_is_cut_off(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"liar": os.urandom(50_000)}, compression=zipfile.ZIP_DEFLATED)
    content = archive.read_bytes()
    archive.write_bytes(content.replace((50_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    (tmp_path / "out").mkdir()
    (refused,) = unpack(archive, tmp_path / "out")
    assert refused.reason in (
        "not unpacked: damaged (BadZipFile)",
        "not unpacked: unpacks to more than its entry states",
    )
    assert files_below(tmp_path / "out") == []


@pytest.mark.parametrize("limit", ["MOST_MEMBERS", "LARGEST_UNPACKED_BYTES"])
def test_too_many_members_or_bytes_are_refused_before_the_first_is_written(
    limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, limit, 3)
    archive = zipped(tmp_path / "a.zip", {name: b"x" for name in "abcd"})
    (tmp_path / "out").mkdir()
    with pytest.raises(DicomError, match="4 members that unpack to 4 bytes; expected at most"):
        unpack(archive, tmp_path / "out")
    assert files_below(tmp_path / "out") == []
    with pytest.raises(DicomError, match=r"a\.zip: 4 members"), open_source(archive):
        pass


def test_overlapping_members_count_by_what_they_unpack_to(tmp_path: Path) -> None:
    """A thousand directory entries for one stored member, as overlapping bombs have them."""
    path = zipped(tmp_path / "a.zip", {"a": os.urandom(1 << 20)})
    with zipfile.ZipFile(path, "a") as archive:
        original = archive.infolist()[0]
        for number in range(1000):
            entry = zipfile.ZipInfo(f"b{number}")
            for attribute in ("header_offset", "CRC", "compress_size", "file_size"):
                setattr(entry, attribute, getattr(original, attribute))
            archive.filelist.append(entry)
        archive._didModify = True
    (tmp_path / "out").mkdir()
    with pytest.raises(DicomError, match="1001 members that unpack to 1049624576 bytes; expected at most 100000 and"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("cut", [0, 30, 200])
def test_damaged_archives_are_refused(cut: int, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    archive = zipped(tmp_path / "in" / "a.zip", {"a": os.urandom(500), "b": os.urandom(500)})
    archive.write_bytes(archive.read_bytes()[:-cut] if cut else b"PK\x03\x04 and nothing more")
    content, refused = seen(tmp_path / "in")
    assert content == {}
    assert refused == {"a.zip": "damaged zip archive: BadZipFile; export the file again"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing more"])
def test_a_damaged_archive_given_by_name_is_called_one(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DicomError, match=r"a\.zip: damaged zip archive"), open_source(tmp_path / "a.zip"):
        pass


def test_a_damaged_member_is_refused_and_the_rest_is_read(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"a": b"A" * 500, "b": b"B" * 500})
    archive.write_bytes(archive.read_bytes().replace(b"A" * 500, b"A" * 499 + b"C"))
    content, refused = seen(archive)
    assert content == {"b": b"B" * 500}
    assert refused == {"a": "not unpacked: damaged (BadZipFile)"}
