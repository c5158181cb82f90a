"""The documents: their snippets run, the reference is complete, and the architecture is as it is drawn."""

import ast
import graphlib
import html
import importlib
import os
import re
import runpy
import shlex
import sys
import textwrap
from pathlib import Path

import pytest

import autograd_lite
import autograd_lite.functions
from autograd_lite import cli, ops

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")])
MAKE_ANEW = "`python docs/tools/pictures.py` makes the pictures anew"
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
        shown = f"{value}\n" if snippet.picture else ""
        if snippet.output is not None:
            assert printed + shown == snippet.output
        assert (value is not None) == snippet.picture
        if snippet.image is not None:
            assert_shows(page.parent / snippet.image, value)


def words_of(svg):
    """What an SVG says, in whatever order and layout."""
    svg = re.sub(r"<style.*?</style>|<title>\w*</title>", "", svg, flags=re.DOTALL)
    return sorted(html.unescape(" ".join(re.findall(r">([^<]*)", svg))).split())


def assert_shows(path, value):
    """A file shows what its snippet makes, as far as this is the same on every machine."""
    if path.suffix == ".svg":
        assert words_of(path.read_text(encoding="utf-8")) == words_of(value.svg()), f"{path}: {MAKE_ANEW}"
    elif path.suffix == ".gif":
        image = pytest.importorskip("PIL.Image")
        with image.open(path) as frames:
            assert f": {frames.n_frames} steps" in repr(value), f"{path}: {MAKE_ANEW}"
    else:
        assert path.read_bytes().startswith(b"\x89PNG"), path


def test_every_picture_shows_itself_in_a_plain_markdown_viewer():
    for page in PAGES:
        for snippet in snippets["find"](page.read_text(encoding="utf-8")):
            assert not snippet.picture or snippet.image or snippet.output, (page, snippet.line)


LINKED = [*PAGES, ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", ROOT / "notebooks" / "gallery" / "README.md"]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_and_images_of_a_page_lead_to_files(page):
    """In a plain Markdown viewer of the repository; mkdocs checks them, and their anchors, for the site."""
    text = re.sub(r"^ *```.*?^ *```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path = target.partition("#")[0]
        assert path.startswith("http") or (page.parent / path).exists(), target


# Phrases of earlier drafts that a native reader stumbles over, and what they are written as instead.
AVOIDED = {
    "in place of": "instead of",
    "of one's own": "of your own",
    "local slope": "local derivative",
    "belongs into": "belongs in",
    "nothing else than": "only",
    "something else than": "anything but",
    "is no number": "is not a number",
    "is no Value": "is not a Value",
    "the lecture": "Andrew Ng's example",
    "as a film": "in the player",
    "a whole number from": "a positive integer",
    ", for if ": ", because if",
}


def prose():
    yield from [*LINKED, *sorted((ROOT / "autograd_lite").rglob("*.py")), *sorted((ROOT / "notebooks").glob("*.ipynb"))]


@pytest.mark.parametrize("phrase", AVOIDED)
def test_the_documents_and_docstrings_are_in_plain_english(phrase):
    found = [str(path.relative_to(ROOT)) for path in prose() if phrase in path.read_text(encoding="utf-8")]
    assert found == [], f"instead of {phrase!r}, write {AVOIDED[phrase]!r}"


def test_every_picture_file_is_shown_by_a_page():
    shown = [
        (page.parent / snippet.image).resolve()
        for page in PAGES
        for snippet in snippets["find"](page.read_text(encoding="utf-8"))
        if snippet.image
    ]
    assert sorted(shown) == sorted((DOCS / "pictures").iterdir())


def test_the_picture_of_the_compilers_passes_is_as_they_are(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "tools")
    monkeypatch.setitem(os.environ, "PATH", "")  # the embedded renderer writes no words of its own
    made = runpy.run_path(str(DOCS / "tools" / "pictures.py"))["passes"]()
    assert words_of((DOCS / "passes.svg").read_text(encoding="utf-8")) == words_of(made), MAKE_ANEW


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
if "functions" in DOCUMENTED:
    DOCUMENTED |= set(autograd_lite.functions.__all__)


def public_names():
    modules = set(autograd_lite._MODULES) - {"ops"}  # the table of operations has a page of its own
    yield from set(autograd_lite.__all__) - {*modules, "ops"}
    for module in modules:
        for name in importlib.import_module(f"autograd_lite.{module}").__all__:
            if callable(getattr(importlib.import_module(f"autograd_lite.{module}"), name)):
                yield f"{module}.{name}"


def test_the_reference_has_every_public_name():
    assert set(public_names()) - DOCUMENTED == set()


def test_what_the_reference_names_is_there():
    for path in sorted(DOCUMENTED):
        thing = autograd_lite
        module, _, name = path.rpartition(".")
        if module:
            thing = importlib.import_module(f"autograd_lite.{module}")
        assert getattr(thing, name) is not None


def test_the_page_of_the_operations_has_each_public_row_and_its_derivatives(monkeypatch):
    monkeypatch.syspath_prepend(DOCS / "tools")
    operations = runpy.run_path(str(DOCS / "tools" / "operations.py"))
    page = operations["with_tables"]((DOCS / "reference" / "operations.md").read_text(encoding="utf-8"))
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| `")]
    assert len(rows) == sum(op.public for op in ops.TABLE.values())
    assert ["| `x * y`", "$y$<br>$x$ |"] in rows
    assert ["| `sinh(x)`", r"$\cosh\left(x\right)$ |"] in rows
    assert ["| `x - y`", "$1$<br>$-1$ |"] in rows


# --- the architecture -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def architecture():
    return runpy.run_path(str(DOCS / "tools" / "architecture.py"))


def predecessors(edges):
    found = {}
    for module, other in edges:
        found.setdefault(module, []).append(other)
    return found


def test_no_module_imports_itself_by_a_way_around(architecture):
    order = graphlib.TopologicalSorter(predecessors(architecture["module_edges"]()))
    assert len(list(order.static_order())) > 80  # a CycleError names the modules that import one another


def test_no_folder_imports_itself_by_a_way_around(architecture):
    order = list(graphlib.TopologicalSorter(predecessors(architecture["edges"]())).static_order())
    assert order[:2] == ["_support", "engine"]
    assert order[-2:] == ["public names", "shell"]


def test_imports_in_functions_for_types_and_by_name_are_seen(architecture, tmp_path):
    source = """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from autograd_lite.graph.view import Graph
        def late():
            from autograd_lite import ops
            import_module("autograd_lite.training.fit")
            importlib.import_module("autograd_lite.nn")
    """
    (tmp_path / "module.py").write_text(textwrap.dedent(source))
    known = architecture["modules"]
    known.__globals__["modules"] = lambda: {**known(), "module": tmp_path / "module.py"}
    assert set(architecture["imports"]("module")) == {"graph.view", "ops", "training.fit", "nn"}


def test_the_engine_and_the_graph_import_nothing_outside_the_standard_library(architecture):
    for module, path in architecture["modules"]().items():
        if architecture["group_of"](module) not in ("engine", "graph", "_support"):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in {"autograd_lite", *sys.stdlib_module_names}, (module, name)


def test_the_picture_shows_the_folders_and_what_they_import(architecture):
    svg = (DOCS / "architecture.svg").read_text(encoding="utf-8")
    assert set(re.findall(r"<title>([\w ]+) imports ([\w ]+)</title>", svg)) == architecture["arrows"]()
    words = set(re.findall(r"\w+", svg))
    for module in architecture["modules"]():
        assert set(module.split(".")) - {""} <= words, module


# --- releases ---------------------------------------------------------------------------------------------------------


def test_the_version_is_the_same_everywhere():
    version = autograd_lite.__version__
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\n## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
