"""What the fuzzers share: coverage-guided runs with atheris, and a guard that lets nothing be executed.

    python tests/fuzz/parser.py [-runs=N] [-max_total_time=SECONDS] [-seed=S] [FOLDER]

starts from the seeds, and from the inputs in the folder, where it also puts those that reach something new. Options are
libFuzzer's: pip install "autograd-lite[fuzz]" (atheris has wheels for CPython on Linux). An input that breaks a promise is
written to a file `crash-…`, which the same script, given its name, runs again. `--seeds` runs the seeds alone, without
atheris.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


class Guard:
    """While it is on, whatever Python itself reports doing (PEP 578) must be among what is allowed."""

    def __init__(self):
        self.allowed, self.seen = None, []
        sys.addaudithook(self.hear)

    def hear(self, event, arguments):
        if self.allowed is not None and not self.allowed(event, arguments):
            self.seen.append((event, str(arguments)[:200]))

    def run(self, function, *arguments, allowed):
        self.allowed = allowed
        try:
            return function(*arguments)
        finally:
            self.allowed = None
            assert not self.seen, f"it did what it was not to do: {self.seen}"


def main(one_input, dictionary=()):
    """Fuzz a function of bytes, as the command line says."""
    seeds = sorted((HERE / "seeds" / Path(sys.argv[0]).stem).iterdir())
    if sys.argv[1:] == ["--seeds"]:
        for seed in seeds:
            one_input(seed.read_bytes())
        print(f"{len(seeds)} seeds")
        return
    import atheris

    arguments = list(sys.argv)
    if dictionary:
        tokens = "".join([f'"{escaped(token)}"\n' for token in dictionary])
        arguments.append(f"-dict={in_memory(tokens.encode())[1]}")
    arguments.append("-seed_inputs=" + ",".join(map(str, seeds)))
    atheris.Setup(arguments, one_input)
    atheris.Fuzz()  # does not return, and cleans nothing up


def in_memory(content=b""):
    """The descriptor and the path of a file that is nowhere, and gone with the process."""
    file = os.memfd_create("fuzz")
    os.write(file, content)
    return file, f"/proc/self/fd/{file}"


def escaped(token):
    return "".join([chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\x{b:02x}" for b in token.encode()])


def instrumented():
    """A context in which what is imported reports its coverage, if there is a fuzzer to report to."""
    try:
        import atheris
    except ImportError:
        from contextlib import nullcontext

        return nullcontext()
    return atheris.instrument_imports(include=["autograd_lite"])
