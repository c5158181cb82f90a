"""What is given to `load`, `eval` and the pages is read and shown; nothing of it is executed."""

import ast
import re
import sys
from pathlib import Path

import pytest
from helpers import run_program

import autograd_lite

HERE = Path(__file__).parent
# The source, also where the engine is native.
PACKAGE = HERE.parent.parent / "autograd_lite"
MODULES = sorted(PACKAGE.rglob("*.py"))
PAGE = PACKAGE / "drawing" / "pages" / "player.html"

# Modules that run code, or make objects of bytes, or speak to a network.
RISKY = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "yaml",
    "ctypes",
    "cffi",
    "socket",
    "ssl",
    "urllib",
    "http",
    "ftplib",
    "subprocess",
    "code",
    "runpy",
}
RISKY_CALLS = {"eval", "exec", "compile", "__import__"}
ALLOWED = {
    "drawing/svg/graphviz.py": {"subprocess"},  # the renderer, by a list of arguments, with the picture on its input
    "training/parallel.py": {"pickle"},  # for workers, by way of their executor; it reads none
    "compiler/numpy/bind.py": {
        "compile",
        "exec",
    },  # the program that the compiler wrote, in which no text of the user's stands
}


def risks(path):
    """What a module imports or calls of that."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from {alias.name.split(".")[0] for alias in node.names} & RISKY
        elif isinstance(node, ast.ImportFrom):
            yield from {(node.module or "").split(".")[0]} & RISKY
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from {node.func.id} & (RISKY_CALLS - ours)
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg == "shell":
                    yield "shell"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(path.parts[-2:]))
def test_a_module_runs_no_code_but_where_it_must(path):
    place = "/".join(path.relative_to(PACKAGE).parts)
    assert set(risks(path)) == ALLOWED.get(place, set())


def test_the_page_makes_no_markup_of_text():
    page = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|\bFunction\(", page)
    assert not re.search(r"<[^>]*\son\w+\s*=", page)
    assert "default-src 'none'" in page
    assert "script-src 'sha256-%%script%%'" in page


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzers' files in memory are Linux's")
@pytest.mark.parametrize("fuzzer", ["parser", "load", "labels"])
def test_no_seed_of_the_fuzzers_is_executed(fuzzer):
    command = [sys.executable, str(HERE.parent / "fuzz" / f"{fuzzer}.py"), "--seeds"]
    run = run_program(*command, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[0]) >= 4


def test_no_text_of_the_users_stands_in_a_compiled_program():
    np = pytest.importorskip("numpy")
    text = "'''\nraise SystemExit\n"
    cube = autograd_lite.define_op(text, lambda x: x**3, lambda x, y: 3 * x**2, symbol=text)
    w = autograd_lite.Value(0.5, text)
    program = autograd_lite.compile(lambda x: cube(w * x))
    assert program.backward(np.array([1.0, 2.0])) == pytest.approx(0.5625)
