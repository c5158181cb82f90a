import hypothesis
import pytest

import autograd_lite

hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, print_blob=False)
hypothesis.settings.load_profile("suite")


def pytest_report_header() -> str:
    engine = "native" if autograd_lite.NATIVE else "plain"
    return f"autograd-lite {autograd_lite.__version__}, {engine} engine, from {autograd_lite.__path__[0]}"


@pytest.fixture
def lecture():
    """Worked example 1: c = wx, a = c + b, d = a - y, J = d²/2."""
    from types import SimpleNamespace

    from autograd_lite import Value

    w, x, b, y = Value(2.0, "w"), Value(-2.0, "x"), Value(8.0, "b"), Value(2.0, "y")
    c = w * x
    a = c + b
    d = a - y
    J = 0.5 * d**2
    return SimpleNamespace(w=w, x=x, b=b, y=y, c=c, a=a, d=d, J=J)
