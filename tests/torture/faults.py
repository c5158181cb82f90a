"""Run by the tests, in a process of its own: everything that writes a file, on a disk or in a folder that will not have it.

    python faults.py limit|user|disk FOLDER

prints one JSON line for each writer: what it raised, and what then was in the folder.
"""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from autograd_lite import Value, data, draw, nn, plots, save, steps
from autograd_lite.cli import main

OLD = b"what was there before"


def graph():
    w, x = Value(2.0, "w"), Value(-2.0, "x")
    y = (w * x + 1).tanh()
    y.backward()
    return y


def animate(path):
    X, y = data.moons(20, seed=0)
    animation = plots.BoundaryAnimation(nn.MLP(2, [2, 1], seed=0), X, y, resolution=8)
    animation.save(path, seconds=0.5)


WRITERS = {
    "net.json": lambda path: save(nn.MLP(8, [64, 1], seed=0), path),
    "graph.svg": lambda path: draw(graph()).save(path),
    "graph.png": lambda path: draw(graph()).save(path),
    "graph.dot": lambda path: draw(graph()).save(path),
    "steps.html": lambda path: steps(graph()).save(path),
    "steps.gif": lambda path: steps(graph()).save(path),
    "boundary.gif": animate,
}
COMMANDS = {
    "eval.svg": lambda path: ["eval", "tanh(w*x)", "w=1", "x=2", "--draw", str(path)],
    "eval.html": lambda path: ["eval", "tanh(w*x)", "w=1", "x=2", "--steps", str(path)],
    "graph.svg": lambda path: ["demo", "--out", str(path.parent)],
}


def try_all(folder):
    for name, write in WRITERS.items():
        error = None
        try:
            write(folder / name)
        except OSError as problem:
            error = [type(problem).__name__, str(problem)]
        report(name, folder, error=error)
    for name, command in COMMANDS.items():
        messages = io.StringIO()
        with contextlib.redirect_stderr(messages), contextlib.redirect_stdout(io.StringIO()):
            code = main(command(folder / name))
        report(name, folder, code=code, error=["command", messages.getvalue()])


def report(name, folder, **found):
    intact = (folder / name).read_bytes() == OLD
    print(json.dumps({"name": name, "intact": intact, "files": sorted(os.listdir(folder)), **found}), flush=True)


def prepare(folder):
    for name in [*WRITERS, *COMMANDS]:
        (folder / name).write_bytes(OLD)


def run(mode, folder):
    # Everything is loaded, and every cache written, before the disk is full or the user another one.
    warm = folder / "warm"
    warm.mkdir()
    for name, write in WRITERS.items():
        write(warm / name)
    for name, command in COMMANDS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(command(warm / name)) == 0
    place = folder / "place"
    place.mkdir(exist_ok=True)
    prepare(place)
    if mode == "limit":
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    elif mode == "disk":
        with contextlib.suppress(OSError), (place / "filler").open("wb") as filler:
            while filler.write(bytes(256)):
                filler.flush()
    elif os.geteuid() == 0:  # permissions do not bind root
        os.setgid(65534)
        os.setuid(65534)
    else:
        place.chmod(0o555)
    try_all(place)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2]))
