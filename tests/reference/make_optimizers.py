"""Write optimizers.json: 100 steps of PyTorch's optimisers on a small function, for test_optim.py to compare with.

Run with PyTorch (CPU, 2.13.0 was used): python make_optimizers.py
"""

import json
from pathlib import Path

import torch

START = [1.5, -0.7, 3.0, 0.01, -2.0]
TARGET = [0.3, 0.4, -1.0, 2.0, -2.0]
SCALE = [1.0, 10.0, 0.1, 3.0, 0.5]

CASES = [
    ("SGD", {"lr": 0.02}),
    ("SGD", {"lr": 0.02, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.01, "momentum": 0.9}),
    ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    ("RMSprop", {"lr": 0.02}),
    ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.5, "centered": True, "weight_decay": 0.05}),
    ("Adagrad", {"lr": 0.2}),
    ("Adagrad", {"lr": 0.2, "lr_decay": 0.01, "initial_accumulator_value": 0.5, "weight_decay": 0.05}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": [0.8, 0.95], "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2, "amsgrad": True}),
]


def run(name: str, options: dict) -> list[list[float]]:
    p = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    target, scale = torch.tensor(TARGET, dtype=torch.float64), torch.tensor(SCALE, dtype=torch.float64)
    optimizer = getattr(torch.optim, name)([p], **options)
    path = []
    for _ in range(100):
        optimizer.zero_grad()
        d = p - target
        (scale * (d * d + 0.1 * d * d * d * d)).sum().backward()
        optimizer.step()
        path.append(p.tolist())
    return path


def clipped(function: str, limit: float) -> dict:
    p = torch.tensor([0.0, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor([3.0, -4.0, 12.0], dtype=torch.float64)
    getattr(torch.nn.utils, function)([p], limit)
    return {"function": function, "limit": limit, "gradients": p.grad.tolist()}


if __name__ == "__main__":
    content = {
        "torch": torch.__version__,
        "start": START,
        "target": TARGET,
        "scale": SCALE,
        "cases": [{"optimizer": name, "options": options, "path": run(name, options)} for name, options in CASES],
        "clipping": [clipped("clip_grad_norm_", limit) for limit in (1.0, 20.0)] + [clipped("clip_grad_value_", 3.5)],
    }
    Path(__file__).with_name("optimizers.json").write_text(json.dumps(content) + "\n")
