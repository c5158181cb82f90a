"""Build the engine as a native extension where that is possible, and as plain Python everywhere else.

Everything static stands in pyproject.toml. This file decides, before setuptools starts, whether mypyc and a C compiler
can make the extension; AUTOGRAD_LITE_COMPILE=0 asks for plain Python, and =1 makes a failure an error. A wheel of plain
Python says why it is one, in `why_plain.txt`, which `autograd-lite --version` shows. All that is built stays in a
temporary folder: an install leaves nothing in the source tree.
"""

import ast
import atexit
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ENGINE = ["autograd_lite/ops.py", "autograd_lite/contexts.py", "autograd_lite/value.py"]
HEADERS = [Path(__file__).parent / "native" / name for name in ("trashcan.h", "memory.h", "nodes.h", "inline.h")]


def objection() -> str:
    """Why the engine is not to be built natively; empty if it is."""
    if os.environ.get("AUTOGRAD_LITE_COMPILE") == "0":
        return "AUTOGRAD_LITE_COMPILE=0 was set when this wheel was built"
    if platform.python_implementation() != "CPython":
        return f"the native engine is for CPython, this is {platform.python_implementation()}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this Python is free-threaded, and the native engine needs the interpreter's lock"
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if os.name == "posix" and not shutil.which(compiler):
        return f"there was no C compiler when it was installed ({compiler})"
    return ""


def engine_extensions(folder: Path) -> list[Extension]:
    """Translate the engine to C with mypyc."""
    from mypyc.build import mypycify

    extensions: list[Extension] = mypycify(
        # The project's own checks are strict; here only the engine matters, in an environment without its extras.
        [
            f"--cache-dir={folder / 'mypy'}",
            "--config-file=",
            "--ignore-missing-imports",
            "--follow-imports=silent",
            *ENGINE,
        ],
        target_dir=str(folder / "c"),
        debug_level="0",
        group_name="autograd_lite",
    )
    for file in (folder / "c").rglob("*.c"):
        put_docstrings_back(file)
        make_setters_safe(file)
        make_allocations_safe(file)
        keep_memory_of_nodes(file)
        refuse_subinterpreters(file)
        inline_frequent_calls(file)
    include = "/FI" if sys.platform == "win32" else "-include"
    # Let the compiler inline the engine's functions into each other, although they can be seen from outside.
    inlining = [] if sys.platform == "win32" else ["-fno-semantic-interposition"]
    for extension in extensions:
        extension.extra_compile_args += inlining
        for header in HEADERS:
            extension.extra_compile_args += [include, str(header)]
    return extensions


def put_docstrings_back(c_file: Path) -> None:
    """Write the docstrings of the engine's classes, methods and properties into the C code; mypyc leaves them out."""
    code = c_file.read_text(encoding="utf-8")
    for module in ENGINE:
        stem = Path(module).stem
        for cls in ast.parse(Path(module).read_text(encoding="utf-8")).body:
            if not isinstance(cls, ast.ClassDef):
                continue
            code = re.sub(rf'(tp_doc = PyDoc_STR\("{cls.name}\([^"]*)', with_doc(cls), code)
            for method in cls.body:
                if isinstance(method, ast.FunctionDef):
                    name = method.name
                    code = re.sub(
                        rf'(CPyPy_{stem}___{cls.name}___{name},\s[^"{{}}]*PyDoc_STR\("[^"]*)', with_doc(method), code
                    )
                    getter = rf'(\{{"{name}",\s*\(getter\){stem}___{cls.name}_get_{name},\s*[^,]*,\s*)NULL'
                    code = re.sub(getter, with_doc(method, quote='"'), code)
    c_file.write_text(code, encoding="utf-8")


def make_setters_safe(c_file: Path) -> None:
    """Let no attribute be deleted, and hide the method that makes an object of what it is called on.

    Python deletes an attribute by calling its setter with NULL, which the setter of a property (by mypyc) dereferences.
    """
    refusal = """
            if (value == NULL) {
                PyErr_SetString(PyExc_AttributeError, "this attribute cannot be deleted");
                return -1;
            }"""
    setter = r"_set_\w+\([^()]*PyObject \*value, void \*closure\)\s*\{(?=\s*char retval = 2;)"
    code = c_file.read_text(encoding="utf-8")
    code = re.sub(setter, lambda match: match[0] + refusal, code)
    code = re.sub(r'\{"__internal_mypyc_setup",.*\},', "", code)
    c_file.write_text(code, encoding="utf-8")


def make_allocations_safe(c_file: Path) -> None:
    """Have floats and tuples made by native/memory.h, except where the caller is told that there is no memory."""
    code = c_file.read_text(encoding="utf-8")
    code = re.sub(r"(?<!retbox = )(?<!retval = )\bPyFloat_FromDouble\(", "agl_float(", code)
    code = re.sub(r"\bPyTuple_New\(", "agl_tuple(", code)
    c_file.write_text(code, encoding="utf-8")


def keep_memory_of_nodes(c_file: Path) -> None:
    """Have nodes allocated and freed by native/nodes.h."""
    code = c_file.read_text(encoding="utf-8")
    code = code.replace('.tp_name = "Value",', '.tp_name = "Value", .tp_alloc = agl_alloc, .tp_free = agl_free,')
    c_file.write_text(code, encoding="utf-8")


def refuse_subinterpreters(c_file: Path) -> None:
    """Let the module be loaded in the main interpreter only."""
    code = c_file.read_text(encoding="utf-8")
    start = "PyMODINIT_FUNC PyInit_autograd_lite__mypyc(void) {"
    code = code.replace(start, f"{start}\n    if (agl_refuses())\n        return NULL;")
    code = code.replace(".m_size = -1,", ".m_size = 0,")  # with -1 a second interpreter gets a copy, without a question
    c_file.write_text(code, encoding="utf-8")


def inline_frequent_calls(c_file: Path) -> None:
    """Have the compiler put the making of a `Value` into each place that makes one, and lists popped by native/inline.h."""
    code = c_file.read_text(encoding="utf-8")
    for head in (
        r"PyObject \*CPyDef_value_____mypyc__Value_setup",
        r"PyObject \*CPyDef_value___Value",
        r"char CPyDef_value___Value_____init__",
    ):
        code = re.sub(rf"^\s*{head}\([^;{{]*\)\s*\{{", r"AGL_INLINE \g<0>", code, flags=re.MULTILINE)
    code = code.replace("CPyList_PopLast(", "agl_pop_last(")
    c_file.write_text(code, encoding="utf-8")


def with_doc(node: ast.ClassDef | ast.FunctionDef, quote: str = "") -> Callable[[re.Match[str]], str]:
    """Append the docstring as the inside of a C string: each byte beyond plain text as an octal escape."""
    doc = (ast.get_docstring(node) or "").encode()
    text = "".join([chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in doc])
    return lambda match: f"{match[1]}{quote}{text}{quote}" if text else match[0]


def compile_engine(folder: Path) -> dict[str, Path]:
    """Build the extension modules in the folder: their files by name."""
    distribution = Distribution({"name": "autograd-lite", "ext_modules": engine_extensions(folder)})
    command = distribution.get_command_obj("build_ext")
    command.build_lib = str(folder / "lib")
    command.build_temp = str(folder / "objects")
    command.ensure_finalized()
    command.run()
    return {extension.name: Path(command.get_ext_fullpath(extension.name)) for extension in command.extensions}


@contextmanager
def output_into(path: Path) -> Iterator[None]:
    """Keep what this process and the compilers that it starts print, and print it at the end."""
    sys.stdout.flush()
    sys.stderr.flush()
    places = {1: os.dup(1), 2: os.dup(2)}
    with path.open("wb") as file:
        for place in places:
            os.dup2(file.fileno(), place)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for place, before in places.items():
            os.dup2(before, place)
            os.close(before)
        sys.stderr.write(path.read_text(encoding="utf-8", errors="replace"))


def reason_of(error: BaseException, output: str) -> str:
    """In one line, why the native engine could not be built."""
    if isinstance(error, ImportError):
        reason = f"mypyc was not there when it was installed: {error}"
    elif "Visual C++" in str(error):  # what Windows calls its compiler
        reason = f"there was no C compiler when it was installed: {error}"
    else:
        said = [line.strip() for line in output.splitlines() if "error" in line.lower()]
        # This error would list all arguments of the compiler.
        failed = [each for each in (error, *error.args) if isinstance(each, subprocess.CalledProcessError)]
        end = f"{failed[0].cmd[0]} gave exit code {failed[0].returncode}" if failed else str(error)
        reason = f"the native build failed: {said[-1] if said else end}"[:500]
    return "".join([c if c.isprintable() else " " for c in reason])


def native_engine(folder: Path) -> tuple[dict[str, Path], str]:
    """The built modules; or none, and why."""
    if "bdist_wheel" not in sys.argv:  # an editable install runs the source, and so does the source distribution
        return {}, ""
    reason = objection()
    if not reason:
        log = folder / "log"
        try:
            with output_into(log):
                return compile_engine(folder), ""
        except (Exception, SystemExit) as error:  # whatever a compiler or mypyc may say
            reason = reason_of(error, log.read_text(encoding="utf-8", errors="replace"))
    if os.environ.get("AUTOGRAD_LITE_COMPILE") == "1":
        sys.exit(f"autograd-lite: AUTOGRAD_LITE_COMPILE=1 was set, but {reason}")
    print(f"autograd-lite is installed as plain Python: {reason}", file=sys.stderr)
    return {}, reason


scratch = Path(tempfile.mkdtemp(prefix="autograd-lite-"))
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
built, why_plain = native_engine(scratch)


class WithReason(build_py):
    """Let a plain wheel say why it is one."""

    def run(self) -> None:
        """Write the reason beside the modules, where the wheel is made."""
        super().run()
        if why_plain:
            (Path(self.build_lib) / "autograd_lite" / "why_plain.txt").write_text(why_plain, encoding="utf-8")


class TakeBuilt(build_ext):
    """Put the modules that are built already where the wheel is made."""

    def build_extension(self, extension: Extension) -> None:
        """Copy one of them."""
        target = Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built[extension.name], target)


setup(
    ext_modules=[Extension(name, sources=[]) for name in built],
    cmdclass={"build_ext": TakeBuilt, "build_py": WithReason},
    options={"build": {"build_base": str(scratch / "build")}, "egg_info": {"egg_base": str(scratch)}},
)
