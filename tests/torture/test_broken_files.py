"""load of what is not a net: one kind of error, which names the file and says what is wrong, and never half a net."""

import json
import math
import os

import pytest
from broken_files import broken, whole_files

from autograd_lite import load, nn, save


def says(content):
    """What a file says, each name as often as it says it, and numbers as floats; None where it cannot be read."""
    try:
        return tagged(json.loads(content, parse_int=float, object_pairs_hook=Pairs))
    except (ValueError, RecursionError):
        return None


class Pairs(list):
    """An object of JSON."""


def tagged(part):
    """With types, since to Python `true` is 1.0."""
    if isinstance(part, Pairs):
        return "object", sorted([(name, tagged(value)) for name, value in part])
    return type(part).__name__, [tagged(x) for x in part] if isinstance(part, list) else part


def check(content, path, again):
    """Whether it was refused; else the net is what the file says."""
    path.write_bytes(content)
    try:
        net = load(path)
    except ValueError as error:
        assert str(error).startswith(f"cannot load {str(path)!r}: ")
        assert len(str(error)) < 600 + len(str(path))
        assert "object" not in str(error), "a message of Python's about its own objects"
        return True
    save(net, again)
    assert says(again.read_bytes()) == says(content)
    return False


@pytest.fixture(autouse=True)
def nobody_waits_for_the_disk(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda file: None)


def test_a_thousand_broken_files_are_refused_with_one_kind_of_error(tmp_path):
    texts = whole_files(tmp_path)
    refused = 0
    for name, content in broken(texts):
        try:
            refused += check(content, tmp_path / "net.json", tmp_path / "again.json")
        except BaseException as error:
            error.add_note(f"broken file: {name}")
            raise
    assert refused >= 1000


@pytest.mark.torture
def test_thousands_of_flipped_bits_are_refused_or_harmless(tmp_path):
    texts = whole_files(tmp_path)
    for name, content in broken(texts, flips=4_000):
        if name.startswith("flip"):
            check(content, tmp_path / "net.json", tmp_path / "again.json")


@pytest.mark.torture
@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b'[{"layers":', b'"', b"1", b" "])
def test_a_hundred_megabytes_of_anything_are_refused(bracket, tmp_path):
    path = tmp_path / "net.json"
    path.write_bytes(bracket * (100_000_000 // len(bracket)))
    assert check(path.read_bytes(), path, tmp_path / "again.json")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no file without an end")
def test_a_file_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr("autograd_lite.nn.saving._LARGEST", 1000)
    with pytest.raises(ValueError, match="cannot load '/dev/zero': it is larger than 1000 bytes"):
        load("/dev/zero")


@pytest.mark.skipif(os.name != "posix", reason="links and errors as POSIX has them")
@pytest.mark.parametrize("make", [os.mkdir, lambda path: os.symlink(path, path), lambda path: None])
def test_what_cannot_be_read_is_an_oserror_that_names_it(make, tmp_path):
    make(tmp_path / "net.json")
    with pytest.raises(OSError, match=r"net\.json"):
        load(tmp_path / "net.json")


STATES = {
    "empty": {},
    "one too few": {"w[0]": 1.0, "w[1]": 2.0},
    "one too many": {"w[0]": 1.0, "w[1]": 2.0, "b": 3.0, "c": 4.0},
    "another name": {"w[0]": 1.0, "w[1]": 2.0, "B": 3.0},
    "a str at the end": {"w[0]": 1.0, "w[1]": 2.0, "b": "3.0"},
    "a list at the end": {"w[0]": 1.0, "w[1]": 2.0, "b": [3.0]},
    "an int too large at the end": {"w[0]": 1.0, "w[1]": 2.0, "b": 10**400},
}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
def test_a_state_that_does_not_fit_changes_nothing(state):
    neuron = nn.Neuron(2, seed=0)
    before = neuron.state_dict()
    with pytest.raises((ValueError, TypeError, OverflowError)):
        neuron.load_state_dict(state)
    assert neuron.state_dict() == before
    assert all(math.isfinite(x) for x in before.values())
