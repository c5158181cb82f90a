"""The documents: their snippets run, the reference is complete, and the house is as it is drawn."""

import importlib
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

import autograd_lite
from autograd_lite import cli

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
snippets = runpy.run_path(str(DOCS / "tools" / "snippets.py"))


@pytest.fixture
def plain_backend(monkeypatch):
    """Plots go nowhere, and are closed again."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_snippets_of_a_page_run_and_print_what_it_says(page, tmp_path, monkeypatch, plain_backend):
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for snippet in snippets["find"](page.read_text(encoding="utf-8")):
        printed, value = snippets["run"](snippet, namespace, str(page))
        if snippet.output is not None:
            assert printed == snippet.output
        assert (value is not None) == snippet.picture


def test_every_python_fence_is_a_snippet():
    fences = {page: len(re.findall(r"^ *```python", page.read_text(encoding="utf-8"), re.MULTILINE)) for page in PAGES}
    assert fences == {page: len(snippets["find"](page.read_text(encoding="utf-8"))) for page in PAGES}
    assert fences[ROOT / "README.md"] > 5


def test_every_output_fence_belongs_to_a_snippet():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        with_output = [snippet for snippet in snippets["find"](text) if snippet.output is not None]
        assert text.count("```output") == len(with_output), page


def test_what_a_snippet_prints_stands_in_an_output_fence_where_it_is_compared():
    for page in PAGES:
        for snippet in snippets["find"](page.read_text(encoding="utf-8")):
            assert not re.search(r"^print\(.*\) +#", snippet.code, re.MULTILINE), page


_SESSION = re.compile(
    r"^```console\n\$ autograd-lite (?P<arguments>[^\n]*)\n(?P<output>.*?)^```", re.MULTILINE | re.DOTALL
)
SESSIONS = [
    pytest.param(match["arguments"], match["output"], id=f"{page.name}-{i}")
    for page in PAGES
    for i, match in enumerate(_SESSION.finditer(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("arguments", "output"), SESSIONS)
def test_the_command_line_prints_what_a_page_says(arguments, output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(arguments)) == 0
    assert not output or capsys.readouterr().out == output


# --- the reference ----------------------------------------------------------------------------------------------------

_REFERENCE = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))
DOCUMENTED = set(re.findall(r"^::: autograd_lite\.(\S+)$", _REFERENCE, re.MULTILINE))


def public_names():
    modules = autograd_lite._MODULES
    yield from (name for name in autograd_lite.__all__ if name not in modules)
    for module in modules:
        room = importlib.import_module(f"autograd_lite.{module}")
        for name, thing in vars(room).items():
            is_ours = getattr(thing, "__module__", "").startswith("autograd_lite.")
            if not name.startswith("_") and is_ours and callable(thing) and _is_offered(room, name, thing):
                yield f"{module}.{name}"


def _is_offered(room, name, thing):
    """Made here, or imported `as` itself: a room that only uses a name imports it without `as`."""
    source = Path(room.__file__).with_suffix(".py").read_text(encoding="utf-8")
    return thing.__module__ == room.__name__ or f"import {name} as {name}\n" in source


def test_the_reference_has_every_public_name():
    assert set(public_names()) - DOCUMENTED == HIDDEN


# Public for the rooms beside it, not for users.
HIDDEN = {"data.require_numpy", "nn.activation_name"}


def test_what_the_reference_names_is_there():
    for path in sorted(DOCUMENTED):
        thing = autograd_lite
        module, _, name = path.rpartition(".")
        if module:
            thing = importlib.import_module(f"autograd_lite.{module}")
        assert getattr(thing, name) is not None


# --- the house --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def house():
    return runpy.run_path(str(DOCS / "tools" / "house.py"))


def test_every_module_has_a_floor(house):
    placed = [name for _, names in house["FLOORS"].values() for name in names.split()]
    assert sorted(placed) == sorted(house["modules"]())


def test_no_floor_imports_one_above_it(house):
    order = list(house["FLOORS"])
    assert [(a, b) for a, b in house["edges"]() if order.index(a) > order.index(b)] == []


def test_the_picture_of_the_house_shows_what_is_imported(house):
    svg = (DOCS / "house.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"<title>(\w+) imports (\w+)</title>", svg)) == house["arrows"]()
    for _, names in house["FLOORS"].values():
        assert all(f">{name}<" in svg or f" {name}" in svg or f">{name} " in svg for name in names.split())


# --- releases ---------------------------------------------------------------------------------------------------------


def test_the_version_is_the_same_everywhere():
    version = autograd_lite.__version__
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
