"""Saving where it cannot be done, and being killed while doing it: the old file stays, and it is said what to do."""

import errno
import json
import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import in_threads, run_program

import autograd_lite
from autograd_lite import load, nn, save
from autograd_lite._support.files import replacing, write_atomically

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals, limits and permissions as POSIX has them")

HERE = Path(__file__).parent


def run(script, *arguments):
    return run_program(sys.executable, HERE / script, *arguments).stdout


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.torture)])
def test_whoever_is_killed_while_saving_leaves_the_old_file_or_the_new_one(kills, tmp_path):
    result = json.loads(run("killed.py", 1, kills, tmp_path))
    assert sum(result["found"]) == kills
    assert len(result["drafts"]) <= kills  # at most one each
    assert result["drafts"] or kills < 100, "no kill hit a save"
    assert all(name.startswith(".autograd-lite-") and ".part" in name for name in result["drafts"])
    assert result["after"] == ["net.json"]  # drafts go when they are old


# --- full, read-only --------------------------------------------------------------------------------------------------


def check_refused(output, reason):
    reports = [json.loads(line) for line in output.splitlines()]
    assert len(reports) == 10
    for report in reports:
        kind, message = report["error"]
        assert report["intact"]
        assert not [name for name in report["files"] if ".part" in name]
        assert reason in message
        assert f"{report['name']}'" in message
        if kind == "command":
            assert report["code"] == 1
            assert message.startswith("autograd-lite: ")
            assert message.splitlines()[1:] in ([], [message.splitlines()[-1]])


@pytest.mark.torture
def test_where_a_file_may_not_grow_nothing_is_lost(tmp_path):
    check_refused(run("faults.py", "limit", tmp_path), "file too large (what was there is as it was; raise the limit")


@pytest.mark.torture
@pytest.mark.skipif(
    any(not folder.stat().st_mode & 0o001 for folder in Path(autograd_lite.__file__).parents),
    reason="other users cannot read this package",
)
def test_in_a_folder_of_others_nothing_is_lost():
    with tempfile.TemporaryDirectory() as folder:  # not in pytest's own, where no other user finds the way in
        os.chmod(folder, 0o755)
        check_refused(run("faults.py", "user", folder), "permission denied (what was there is as it was; save where")
        os.chmod(f"{folder}/place", 0o755)


@pytest.mark.torture
def test_on_a_full_disk_nothing_is_lost(tmp_path):
    (tmp_path / "place").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path / "place")]
    if os.geteuid() != 0 or run_program(*mount, check=False).returncode != 0:
        pytest.skip("a disk of its own takes root")
    try:
        check_refused(run("faults.py", "disk", tmp_path), "no space left on device (what was there is as it was; free")
    finally:
        run_program("umount", tmp_path / "place")


# --- special files ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_device_is_written_to_and_not_replaced():
    with pytest.raises(OSError, match="no space left") as caught:
        save(nn.Neuron(1, seed=0), "/dev/full")
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == "/dev/full"
    save(nn.Neuron(1, seed=0), "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_link_is_followed(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "latest.json").symlink_to("runs/1.json")
    net = nn.Neuron(1, seed=0)
    for _ in range(2):  # to what is not there yet, and to what is
        save(net, tmp_path / "latest.json")
        assert (tmp_path / "latest.json").is_symlink()
        assert load(tmp_path / "runs" / "1.json").state_dict() == net.state_dict()


def test_a_file_keeps_its_permissions(tmp_path):
    path = tmp_path / "net.json"
    path.touch(0o600)
    save(nn.Neuron(1, seed=0), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("name", "kind", "hint"),
    [
        (".", IsADirectoryError, "name of a file in it"),
        ("none/net.json", FileNotFoundError, "make the directory first"),
        ("file/net.json", NotADirectoryError, "make the directory first"),
        ("x" * 300, OSError, "shorter name"),
    ],
)
def test_a_place_that_takes_no_file_is_named_with_what_to_do(name, kind, hint, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(kind, match=hint) as caught:
        save(nn.Neuron(1, seed=0), tmp_path / name)
    assert caught.value.filename == str(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write to any file")
def test_a_file_that_is_read_only_is_not_replaced(tmp_path):
    path = tmp_path / "net.json"
    path.touch(0o400)
    with pytest.raises(PermissionError, match="where you may write"):
        save(nn.Neuron(1, seed=0), path)
    assert path.read_bytes() == b""


def test_an_error_while_writing_leaves_no_draft(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "x") as draft:
        draft.write_bytes(b"half")
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_only_abandoned_drafts_are_removed(tmp_path):
    names = [".autograd-lite-0.part", ".autograd-lite-1.part.svg", ".mine.part", "autograd-lite-.part"]
    for name in names:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / ".autograd-lite-2.part").touch()
    write_atomically(tmp_path / "x", b"")
    assert {path.name for path in tmp_path.iterdir()} == {
        ".mine.part",
        "autograd-lite-.part",
        ".autograd-lite-2.part",
        "x",
    }


def test_a_pipe_takes_a_net_to_a_reader(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    net = nn.Neuron(1, seed=0)
    loaded = []
    in_threads(lambda: save(net, path), lambda: loaded.append(load(path)))
    assert loaded[0].state_dict() == net.state_dict()
    assert path.is_fifo()
