"""Reads what the benches have printed, and prints one table with a target beside each line: see bench.sh."""

import re
import sys
from collections import defaultdict
from pathlib import Path

results = Path(sys.argv[1])
CALLS = 20  # As in benches/instructions.rs.
missed = 0


def text(name):
    return (results / name).read_text()


def row(what, value, best, target, met):
    global missed
    missed += not met
    print(f"{what:44} {value:>12} {best:>24} {target:>14} {'met' if met else 'NOT MET'}")


def ratio(what, gather, peers, at_most):
    """A row of gather against the best of its peers."""
    peer = min(peers, key=peers.get)
    value = gather / peers[peer]
    row(what, f"{value:.2f}", f"{gather:g} / {peer} {peers[peer]:g}", f"<= {at_most:.2f}", value <= at_most)


def instructions(features):
    """By mode and shape: the instructions of one life cycle with each peer."""
    counts = {}
    # The first line of a function is the one of all of it.
    for count, function in re.findall(r"([\d,]+) .*:instructions::(\w+|\w+::\w+) \[", text(f"callgrind-{features}.txt")):
        counts.setdefault(function, int(count.replace(",", "")) / CALLS)
    driver = counts.pop("driver_alone")
    cycles = defaultdict(dict)
    for function, count in counts.items():
        if found := re.fullmatch(r"(at_once|pend)::(\w+?)_(\w+)", function):
            mode, shape, peer = found.groups()
            cycles[mode, shape][peer] = count - driver
    return cycles


for features, at_most in (("no-std", 1.1), ("std", 1.3)):
    for (mode, shape), peers in sorted(instructions(features).items()):
        print(f"    {mode} {shape}: " + ", ".join(f"{peer} {count:.0f}" for peer, count in sorted(peers.items())))
        ratio(f"instructions, {mode}, {shape}, {features}", peers.pop("gather"), peers, at_most)
