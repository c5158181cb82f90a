"""Print the oldest version of each dependency that pyproject.toml allows, as constraints for pip.

python .ci/oldest.py > oldest.txt && python -m pip install -c oldest.txt ".[test]" && pytest
"""

import re
import tomllib
from itertools import chain
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BOUND = re.compile(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)")


def main() -> None:
    """Print one line for each package; of two bounds the higher one holds."""
    oldest: dict[str, str] = {}
    for requirement in chain(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()):
        if bound := BOUND.match(requirement):
            name, version = bound.groups()
            oldest[name] = max(oldest.get(name, version), version, key=lambda text: [int(n) for n in text.split(".")])
    for name, version in sorted(oldest.items()):
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
