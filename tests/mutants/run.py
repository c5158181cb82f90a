"""Mutation testing of the engine: does a test notice each small change to `ops.py`, `contexts.py` and `value.py`?

Cosmic Ray makes the mutants. Starting Python and importing NumPy, mpmath and pytest for each of them would take most of
the time, so one process imports these once and forks a child for each mutant. The child finds the mutated module in
memory (no file is changed) and runs `TESTS` until one fails.

    pip install -e ".[mutants]"
    python tests/mutants/run.py              # all mutants; what an interrupted run did already is not done again
    python tests/mutants/run.py --again      # only those that survived, after tests were added

Writes `README.md`, and fails if a mutant survived that `explained.toml` does not explain.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.machinery
import io
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import tomllib
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import parso
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODULES = ["ops", "contexts", "value"]
# Those that take a moment and notice most come first.
TESTS = [
    ["test_worked_examples.py", "test_functions.py", "test_value.py"],
    ["test_ops.py", "test_contexts.py"],
    ["test_passes.py", "derivatives/test_anomaly.py", "graph/test_view.py", "derivatives/test_transforms.py"],
]
CPU_SECONDS, SECONDS = 20, 120  # of a child: the first ends an endless loop, the second a deadlock
MEMORY = 8 << 30
EXAMPLES = int(os.environ.get("MUTANTS_EXAMPLES", "10"))
# Not made: bitwise operators, which floats do not have (such a mutant raises at once, or stands in an annotation, which
# nothing evaluates); == instead of `is`, because rows, types and Values are equal only where they are the same;
# an order instead of `is`, and the other way round; and // % ** instead of + - * /, which change more than these among
# themselves do.
NOT_MADE = re.compile("Bit|Shift|_Is_Eq|_IsNot_NotEq|_Is(Not)?_[LG]t|(Eq|Lt|LtE|Gt|GtE)_Is|_(FloorDiv|Mod|Pow)$")
ELSEWHERE = "if sys.platform"  # a block for another platform, which cannot run here


HEAD = """# The mutants of the engine

Small changes made to `ops.py`, `contexts.py` and `value.py`, one at a time; each should make a test fail.
`python tests/mutants/run.py` writes this page and says how it works. The reasons below come from `explained.toml`.
"""
UNEXPLAINED = "Not explained yet"


class DeleteStatement(Operator):
    """Leaves out an assignment, a call, a `raise`, a `del`: Cosmic Ray has no such operator."""

    def mutation_positions(self, node):
        if node.type == "simple_stmt" and parso.tree.search_ancestor(node, "funcdef") is not None:
            statement = node.children[0]
            if statement.type in ("expr_stmt", "atom_expr", "raise_stmt", "del_stmt"):
                yield statement.start_pos, statement.end_pos

    def mutate(self, node, index):
        prefix = node.children[0].get_first_leaf().prefix
        node.children[0] = parso.python.tree.Name("pass", node.start_pos, prefix)
        return node

    @classmethod
    def examples(cls):
        return ()


class Mutated(importlib.machinery.SourceFileLoader):
    """Finds one module of the package and loads it from the text given."""

    def __init__(self, module: str, code: str) -> None:
        super().__init__(f"autograd_lite.{module}", str(path_of(module)))
        self.code = code

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self, origin=self.path) if name == self.name else None

    def get_code(self, fullname):
        return compile(self.code, self.path, "exec", dont_inherit=True)


class FewExamples:
    """A plugin of pytest: any example that fails will do, it need not be the smallest, nor one of many."""

    def __init__(self, names: list[str]) -> None:
        self.only = {name.partition("::")[2].partition("[")[0] for name in names}

    def pytest_pycollect_makeitem(self, name: str) -> list[Any] | None:
        """Pass over functions that are not asked for: to collect the many cases of a file takes longer than to run one."""
        return [] if name.startswith("test_") and "" not in self.only and name not in self.only else None

    def pytest_collection_modifyitems(self, items):
        from hypothesis import Phase, settings

        for item in items:
            if given := getattr(item.function, "_hypothesis_internal_use_settings", None):
                few = settings(
                    given,
                    max_examples=min(given.max_examples, EXAMPLES),
                    phases=[Phase.explicit, Phase.generate],
                    database=None,
                )
                item.function._hypothesis_internal_use_settings = few

    def pytest_runtest_logreport(self, report):
        if report.failed or report.when == "call":
            print(f"\n{report.outcome} in {report.nodeid}", file=sys.__stderr__)


def path_of(module: str) -> Path:
    return ROOT / "autograd_lite" / f"{module}.py"


def mutants_of(module: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Each mutant of a module: what is told of it, and its text. Two operators may make the same: it counts once."""
    source = path_of(module).read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    nodes = [(node, statement_of(node)) for node in ast_nodes(get_ast(source))]
    operators = {name.partition("/")[2]: get_operator(name) for name in operator_names()}
    operators = {name: kind() for name, kind in operators.items() if not kind.arguments()}
    operators["DeleteStatement"] = DeleteStatement()
    seen = {source}
    for name, operator in operators.items():
        if NOT_MADE.search(name):
            continue
        found: Counter[Any] = Counter()
        for node, statement in nodes:
            for _ in operator.mutation_positions(node):
                # Cosmic Ray parses a text anew for each mutant: one statement is parsed sooner than the whole module.
                start, stop, indent = statement
                if lines[start].startswith(ELSEWHERE):
                    break
                text = "".join([line[indent:] or "\n" for line in lines[start:stop]])
                mutated = mutate_code(text, operator, found[statement])
                found[statement] += 1
                changed = [" " * indent + line if line.strip() else line for line in mutated.splitlines(keepends=True)]
                code = "".join([*lines[:start], *changed, *lines[stop:]])
                if code not in seen:
                    seen.add(code)
                    yield {"module": module, "operator": name, **difference(source, code)}, code


def statement_of(node: Any) -> tuple[int, int, int]:
    """The first line (from 0), the last line and the indent of the statement or method that a node stands in."""
    while node.parent is not None and node.parent.type != "file_input":
        if node.parent.type == "suite" and node.parent.parent.type == "classdef" and node.type != "newline":
            break
        node = node.parent
    (first, indent), (last, column) = node.start_pos, node.end_pos
    return first - 1, last if column else last - 1, indent


def difference(source: str, code: str) -> dict[str, Any]:
    """Where two texts first differ: in which function or row, and the line in both."""
    lines = source.splitlines()
    pairs = enumerate(zip(lines, code.splitlines(), strict=False))
    number, old, new = next((number, old, new) for number, (old, new) in pairs if old != new)
    scope = [re.match(r" *(?:def|class) (\w+)|(\w+): Final", line) for line in lines[: number + 1]]
    name = next((m[1] or m[2] for m in reversed(scope) if m), "")
    return {"in": name, "line": number + 1, "old": old.strip(), "new": new.strip()}


def outcome_here(names: list[str]) -> int:
    """Run these tests in this process; return pytest's exit code."""
    options = ["-x", "-q", "-o", "addopts=", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    # pytest would rewrite the plugins that this process has imported already
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning", "--tb=line", f"--rootdir={ROOT}"]
    return pytest.main([*options, *[str(ROOT / "tests" / name) for name in names]], plugins=[FewExamples(names)])


def warm_up() -> None:
    """Import all that the tests need, and forget the package and the tests themselves."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        outcome_here(TESTS[0])
    for name in list(sys.modules):
        if name.startswith(("autograd_lite", "test_")) or name in ("conftest", "helpers"):
            del sys.modules[name]
    gc.freeze()


def run_tests(module: str, code: str, first: list[str]) -> int:
    """In a child: 0 if all tests pass. Those named in `first` run before the others."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.meta_path.insert(0, Mutated(module, code))
    if first and outcome_here(first) == pytest.ExitCode.TESTS_FAILED:
        return 1
    return 0 if all(outcome_here(names) == pytest.ExitCode.OK for names in TESTS) else 1


def outcome_of(module: str, code: str, first: list[str], log: Path) -> str:
    """Test a mutant in a child of this process: "killed", "survived" or "timeout"."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setsid()
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            status = run_tests(module, code, first)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    deadline = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.01)
    if os.WIFSIGNALED(status):
        return "timeout"
    return "survived" if status == 0 else "killed"


class Killers:
    """Which tests killed the mutants before: the next one in the same function probably falls to the same tests."""

    def __init__(self, log: Path) -> None:
        self.known = set(
            re.findall("^passed in tests/(.*)$", log.read_text(encoding="utf-8"), re.M) if log.exists() else ()
        )
        self.everywhere: list[str] = []
        self.inside: dict[str, list[str]] = {}

    def note(self, function: str, log: Path) -> None:
        """Read from a log which test it was that failed."""
        text = log.read_text(encoding="utf-8", errors="replace")
        failed = re.search("^failed in tests/(.*)$", text, re.M)
        if failed and failed[1] in self.known:  # a mutant may give a test another name
            for names in (self.everywhere, self.inside.setdefault(function, [])):
                if failed[1] in names:
                    names.remove(failed[1])
                names.insert(0, failed[1])

    def of(self, function: str) -> list[str]:
        """The tests to begin with: of one file, for to read another takes longer than to run the tests."""
        names = list(dict.fromkeys([*self.inside.get(function, []), *self.everywhere]))
        return [name for name in names if name.partition("::")[0] == names[0].partition("::")[0]][:5]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--session", type=Path, default=Path(tempfile.gettempdir()) / "autograd-lite-mutants.jsonl")
    parser.add_argument("--report", type=Path, default=HERE / "README.md", help="where the figures are written")
    parser.add_argument("--report-only", action="store_true", help="test nothing, write what the session holds")
    parser.add_argument("--again", action="store_true", help="test those that survived once more")
    parser.add_argument("--modules", nargs="*", default=MODULES, choices=MODULES)
    parser.add_argument("--only", default="", help="only mutants inside the function of this name")
    options = parser.parse_args()

    os.environ.update(OPENBLAS_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    sys.path.insert(0, str(ROOT))
    log = options.session.with_suffix(".log")
    if not options.report_only:
        warm_up()
        if outcome_of(MODULES[0], path_of(MODULES[0]).read_text(encoding="utf-8"), [], log) != "survived":
            print(log.read_text(encoding="utf-8"), "The tests fail without a mutant too.", file=sys.stderr)
            return 1
    results: dict[tuple[str, ...], str] = {}
    if options.session.exists():
        for line in options.session.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            results[key(record)] = record["outcome"]
    tally: dict[str, Counter[str]] = {module: Counter() for module in options.modules}
    survivors = []
    killers = Killers(log)
    for module in options.modules:
        for mutant, code in sorted(mutants_of(module), key=lambda pair: pair[0]["line"]):
            if options.only and mutant["in"] != options.only:
                continue
            outcome = results.get(key(mutant))
            if options.report_only:
                outcome = outcome or "not tested"
            elif outcome is None or (options.again and outcome == "survived"):
                outcome = outcome_of(module, code, killers.of(mutant["in"]), log)
                if outcome == "killed":
                    killers.note(mutant["in"], log)
                with options.session.open("a", encoding="utf-8") as session:
                    session.write(json.dumps({**mutant, "outcome": outcome}, ensure_ascii=False) + "\n")
            tally[module][outcome] += 1
            if outcome == "survived":
                survivors.append(mutant)
    text = report(tally, survivors)
    options.report.write_text(text, encoding="utf-8")
    print(text)
    for mutant in survivors if UNEXPLAINED in text else []:
        print(f"  {json.dumps(change(mutant), ensure_ascii=False)},")
    return 1 if UNEXPLAINED in text else 0


def key(mutant: dict[str, str]) -> tuple[str, ...]:
    return tuple([str(mutant[part]) for part in ("module", "in", "line", "old", "new")])


def report(tally: dict[str, Counter[str]], survivors: list[dict[str, Any]]) -> str:
    """The figures and the survivors as Markdown; those that `explained.toml` does not explain come last."""
    lines = [HEAD, "| module | mutants | killed | timed out | survived |", "|---|---|---|---|---|"]
    for module, outcomes in tally.items():
        numbers = [outcomes.total(), *[outcomes[outcome] for outcome in ("killed", "timeout", "survived")]]
        lines.append(f"| `{module}.py` | {' | '.join(map(str, numbers))} |")
    if left := sum([outcomes["not tested"] for outcomes in tally.values()]):
        lines += ["", f"{left} of them were not tested in this session."]
    groups = tomllib.loads((HERE / "explained.toml").read_text(encoding="utf-8"))["group"]
    for group in groups:
        members = [mutant for mutant in survivors if change(mutant) in group["mutants"]]
        lines += ["", f"## {group['title']} ({len(members)})", "", group["reason"].strip(), "", *table(members)]
    explained = [one for group in groups for one in group["mutants"]]
    if members := [mutant for mutant in survivors if change(mutant) not in explained]:
        lines += ["", f"## {UNEXPLAINED} ({len(members)})", "", *table(members)]
    return "\n".join(lines) + "\n"


def change(mutant: dict[str, Any]) -> list[str]:
    """A mutant as it stands in `explained.toml`: without the line's number, which moves."""
    return [mutant[part] for part in ("module", "in", "old", "new")]


def table(mutants: list[dict[str, Any]]) -> list[str]:
    lines = ["| in | line | becomes |", "|---|---|---|"]
    for mutant in mutants:
        cells = [f"{mutant['module']}.{mutant['in']}", mutant["old"], mutant["new"]]
        lines.append("| " + " | ".join(["`` " + cell.replace("|", "\\|") + " ``" for cell in cells]) + " |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
