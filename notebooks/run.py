"""Run every notebook from top to bottom, in its own kernel; with --save, write the outputs back."""

import argparse
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--save", action="store_true", help="write the outputs into the notebooks")
    parser.add_argument("notebooks", nargs="*", type=Path, help="which; by default all")
    options = parser.parse_args()
    notebooks = options.notebooks or sorted(FOLDER.glob("*.ipynb"))
    for path in notebooks:
        start = time.perf_counter()
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(
            notebook,
            timeout=600,
            kernel_name="python3",
            coalesce_streams=True,
            resources={"metadata": {"path": FOLDER}},
        ).execute()
        if options.save:
            nbformat.write(notebook, path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
