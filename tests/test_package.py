"""The package as a whole: its public face, its documentation, and what it loads."""

import ast
import doctest
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest
from helpers import run_program

import autograd_lite

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(autograd_lite.__path__, "autograd_lite.")
    if not module.name.endswith("__main__")
)


def source_of(name):
    """The Python text of a module, which is installed beside the compiled one."""
    path = Path(importlib.import_module(name).__file__)
    return path if path.suffix == ".py" else path.with_name(path.name.partition(".")[0] + ".py")


def documented(tree, prefix=""):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
            yield getattr(node, "name", "module"), text


@pytest.mark.parametrize("name", ["autograd_lite", *MODULES])
def test_the_examples_in_the_docstrings_hold(name):
    path = source_of(name)
    namespace = vars(importlib.import_module(name))
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for title, text in documented(ast.parse(path.read_text(encoding="utf-8"))):
        public = {key: getattr(autograd_lite, key) for key in autograd_lite.__all__} if name == "autograd_lite" else {}
        runner.run(parser.get_doctest(text, {**namespace, **public}, f"{name}.{title}", str(path), 0))
    assert runner.failures == 0


def test_import_loads_nothing_heavy():
    code = "import sys, autograd_lite; autograd_lite.Value(1.0); print(*sys.modules)"
    loaded = run_program(sys.executable, "-c", code).stdout.split()
    assert not {"numpy", "graphviz", "graphviz_pure", "matplotlib", "tqdm", "sympy", "scipy"} & set(loaded)


@pytest.mark.parametrize("name", autograd_lite.__all__)
def test_every_public_name_is_there(name):
    assert getattr(autograd_lite, name) is not None
    assert name in dir(autograd_lite)


def test_type_checkers_see_every_public_name():
    tree = ast.parse(source_of("autograd_lite").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    from autograd_lite import functions

    assert set(autograd_lite.__all__) - {"NATIVE"} <= seen | set(vars(functions))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="tensor"):
        _ = autograd_lite.tensor


@pytest.mark.parametrize(
    "module", ["autograd_lite", *[f"autograd_lite.{name}" for name in autograd_lite._MODULES if name != "ops"]]
)
def test_tab_shows_what_is_public_and_nothing_else(module):
    module = importlib.import_module(module)
    assert sorted(dir(module)) == sorted(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)


def test_public_modules_can_be_imported_by_name():
    code = "import autograd_lite.optim as optim; from autograd_lite.losses import mse; print(optim.SGD.__name__, mse.__name__)"
    assert run_program(sys.executable, "-c", code).stdout.split() == ["SGD", "mse"]


# --- the tests themselves ---------------------------------------------------------------------------------------------

TESTS = Path(__file__).parent
# How one waits for a program, a thread, a future or an event, and what gives that a deadline.
STARTS = {"run", "call", "check_call", "check_output"}  # of subprocess
WAITS = {"join", "wait", "communicate", "result", "acquire"}


def without_deadline(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_subprocess = isinstance(node.func.value, ast.Name) and node.func.value.id == "subprocess"
            named = {keyword.arg for keyword in node.keywords}
            waits = (of_subprocess and node.func.attr in STARTS) or (node.func.attr in WAITS and not node.args)
            if waits and not named & {"timeout", None}:  # None is the name of **options
                yield node.lineno


@pytest.mark.parametrize("path", sorted(TESTS.rglob("test_*.py")), ids=lambda path: path.name)
def test_no_test_waits_without_a_deadline(path):
    assert list(without_deadline(ast.parse(path.read_text(encoding="utf-8")))) == []


def test_each_test_file_has_a_name_of_its_own():
    """pytest imports them by name: where two are alike, it collects only one."""
    names = [path.name for path in TESTS.rglob("*.py") if path.name.startswith("test_")]
    assert sorted(set(names)) == sorted(names)
