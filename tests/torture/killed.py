"""Run by the tests, in a process of its own: kill whoever is saving, at random moments, and look at what is there.

    python killed.py SEED KILLS FOLDER

prints how often the file was each of the two nets, and what else was left.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from autograd_lite import load, nn, save


def kill_one(nets, path, delay):
    child = os.fork()
    while child == 0:
        for net in nets:
            save(net, path)
    time.sleep(delay)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def run(seed, kills, folder):
    nets = [nn.MLP(8, [10, 10, 1], seed=0), nn.MLP(8, [10, 10, 1], seed=1)]
    path = folder / "net.json"
    contents = []
    for net in nets:
        start = time.perf_counter()
        save(net, path)
        duration = time.perf_counter() - start
        contents.append(path.read_bytes())
    states = [net.state_dict() for net in nets]
    found, moments = [0, 0], random.Random(seed)
    for _ in range(kills):
        kill_one(nets, path, moments.uniform(0.0, 3 * duration))
        which = contents.index(path.read_bytes())
        assert load(path).state_dict() == states[which]
        found[which] += 1
    drafts = [name for name in os.listdir(folder) if name != path.name]
    for name in drafts:
        os.utime(folder / name, (0, 0))
    save(nets[0], path)
    print(json.dumps({"found": found, "drafts": drafts, "after": os.listdir(folder)}))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
