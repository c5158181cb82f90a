"""Build the engine as a native extension where that is possible, and as plain Python everywhere else.

Everything static stands in pyproject.toml. This file decides, before setuptools starts, whether mypyc and a C compiler
can make the extension; AUTOGRAD_LITE_COMPILE=0 asks for plain Python, and =1 makes a failure an error. All that is built
stays in a temporary folder: an install leaves nothing in the source tree.
"""

import ast
import atexit
import os
import platform
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from setuptools import Distribution, Extension, setup
from setuptools.command.build_ext import build_ext

ENGINE = ["autograd_lite/ops.py", "autograd_lite/value.py"]
TRASHCAN = Path(__file__).parent / "native" / "trashcan.h"


def is_wanted() -> bool:
    """Whether this call builds a wheel to be installed as it is (an editable install runs the source)."""
    return (
        "bdist_wheel" in sys.argv
        and os.environ.get("AUTOGRAD_LITE_COMPILE", "") != "0"
        and platform.python_implementation() == "CPython"
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
    )


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
    include = "/FI" if sys.platform == "win32" else "-include"
    for extension in extensions:
        extension.extra_compile_args += [include, str(TRASHCAN)]
    return extensions


def put_docstrings_back(c_file: Path) -> None:
    """Write the docstrings of the engine's classes, methods and properties into the C code; mypyc leaves them out."""
    code = c_file.read_text(encoding="utf-8")
    for module in ENGINE:
        room = Path(module).stem
        for cls in ast.parse(Path(module).read_text(encoding="utf-8")).body:
            if not isinstance(cls, ast.ClassDef):
                continue
            code = re.sub(rf'(tp_doc = PyDoc_STR\("{cls.name}\([^"]*)', with_doc(cls), code)
            for method in cls.body:
                if isinstance(method, ast.FunctionDef):
                    name = method.name
                    code = re.sub(
                        rf'(CPyPy_{room}___{cls.name}___{name},\s[^"{{}}]*PyDoc_STR\("[^"]*)', with_doc(method), code
                    )
                    getter = rf'(\{{"{name}",\s*\(getter\){room}___{cls.name}_get_{name},\s*[^,]*,\s*)NULL'
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


def compiled_engine(folder: Path) -> dict[str, Path]:
    """The built modules; none where the engine is to stay plain Python, with a word why."""
    if not is_wanted():
        return {}
    try:
        return compile_engine(folder)
    except (Exception, SystemExit) as error:  # whatever a compiler or mypyc may say: the engine also runs without them
        if os.environ.get("AUTOGRAD_LITE_COMPILE") == "1":
            raise
        print(f"autograd-lite: cannot compile the engine, installing it as plain Python: {error!r}", file=sys.stderr)
        return {}


scratch = Path(tempfile.mkdtemp(prefix="autograd-lite-"))
atexit.register(shutil.rmtree, scratch, ignore_errors=True)
built = compiled_engine(scratch)


class TakeBuilt(build_ext):
    """Put the modules that are built already where the wheel is made."""

    def build_extension(self, extension: Extension) -> None:
        """Copy one of them."""
        target = Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(built[extension.name], target)


setup(
    ext_modules=[Extension(name, sources=[]) for name in built],
    cmdclass={"build_ext": TakeBuilt},
    options={"build": {"build_base": str(scratch / "build")}, "egg_info": {"egg_base": str(scratch)}},
)
