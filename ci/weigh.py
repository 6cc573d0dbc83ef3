"""Builds the programs of ci/weigh_programs.py, and prints their sizes and their compile times.

ci/weigh.sh says how to run it. A compile time is the processor's time of rustc and the linker for the one crate, and
the median of a few runs. The dependencies are built before. Other programs on the machine disturb this time less than
they disturb a clock. A size is that of the file that the linker writes. The growth of a further gather leaves out the
standard library and the helpers.
"""

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from weigh_programs import NUMBERS, gathers, nested

ROOT = Path(__file__).resolve().parent.parent
WEIGH = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).absolute() / "weigh"
PACKAGE = WEIGH / "package"
RUNS = 3
# The nested groups take more runs, because they compile quicker, and because their differences are compared.
NESTED_RUNS = 5
GATHERS = 20
LEVELS = 4
# Some targets are missed. These ratios must not be exceeded.
KNOWN = {
    "20 gathers, debug: binary": 2.45,
    "20 gathers, debug: compile time": 2.7,
    "a further gather, release: binary": 2.05,
    "20 gathers, release: compile time": 2.4,
    "nested, level 2: debug binary": 2.8,
    "nested, level 3: debug binary": 2.2,
    "nested, level 2: compile time, debug": 2.8,
    "nested, level 3: compile time, debug": 2.4,
    "nested, level 4: compile time, debug": 2.4,
}

# Incremental builds would compile nothing after a `touch`, and a user does not have CI's own profiles.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("CARGO_PROFILE_")}
ENVIRONMENT |= {"CARGO_INCREMENTAL": "0", "CARGO_TARGET_DIR": str(WEIGH / "target")}

MANIFEST = f"""\
[workspace]

[package]
name = "weigh"
version = "0.0.0"
edition = "2024"

[dependencies]
futures = "0.3.30"
gather-cm = {{ path = "{ROOT}" }}
"""

# Each row has the name of the measurement, the value, the numbers behind the value, and the target.
rows = []


def row(what, value, of, target=None):
    rows.append((what, value, of, target))
    verdict = ""
    if target is not None and value <= target:
        verdict = "met"
    elif target is not None:
        verdict = "not met" if value <= KNOWN.get(what, 0) else "NOT MET, and worse than is known"
    at_most = "" if target is None else f"<= {target:g}"
    print(f"{what:44} {value:8.2f}  {of:52} {at_most:8} {verdict}".rstrip(), flush=True)


def write(programs):
    (PACKAGE / "src/bin").mkdir(parents=True, exist_ok=True)
    (PACKAGE / "Cargo.toml").write_text(MANIFEST)
    shutil.copy(ROOT / "Cargo.lock", PACKAGE / "Cargo.lock")
    for old in (PACKAGE / "src/bin").iterdir():
        if old.stem not in programs:
            old.unlink()
    for name, text in programs.items():
        (PACKAGE / f"src/bin/{name}.rs").write_text(text)


def cargo(name, profile):
    command = ["cargo", "build", "--quiet", "--bin", name, "--profile", profile]
    subprocess.run(command, cwd=PACKAGE, env=ENVIRONMENT, check=True)


def binary(name, profile):
    return WEIGH / "target" / ("debug" if profile == "dev" else profile) / name


def built(name, profile, runs):
    """Compiles the program, and returns the processor's seconds along with the seconds on the clock."""
    cargo(name, profile)
    seconds, clocks = [], []
    for _ in range(runs):
        os.utime(PACKAGE / f"src/bin/{name}.rs")
        began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        cargo(name, profile)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        clocks.append(time.monotonic() - began)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return (statistics.median(seconds), statistics.median(clocks)) if runs else (0.0, 0.0)


def ends(name, profile):
    """The output of the program for each of its ends."""
    commands = ([binary(name, profile), str(number)] for number in NUMBERS)
    return [subprocess.run(command, check=True, capture_output=True, text=True).stdout for command in commands]


def size(name, profile):
    return binary(name, profile).stat().st_size


def sections(name, profile):
    """The offset of each section in the file, and its number of bytes."""
    command = ["readelf", "-SW", binary(name, profile)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"\] (\S+) +(\w+) +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) ", output)
    return {name: (int(offset, 16), int(length, 16)) for name, kind, offset, length in found if kind != "NOBITS"}


def weigh_gathers(runs):
    programs = {}
    for contestant in ("gather", "by_hand"):
        for count in (1, GATHERS):
            programs[f"{contestant}_{count}"] = gathers(count, contestant == "by_hand")
    write(programs)
    for profile, kind in (("dev", "debug"), ("release", "release")):
        times = {name: built(name, profile, runs) for name in programs}
        of = {name: (size(name, profile), sections(name, profile)) for name in programs}
        gather, by_hand = f"gather_{GATHERS}", f"by_hand_{GATHERS}"
        assert ends(gather, profile) == ends(by_hand, profile), "the programs do not end alike"
        total = {name: bytes_ for name, (bytes_, _) in of.items()}
        growth = {c: (total[f"{c}_{GATHERS}"] - total[f"{c}_1"]) / (GATHERS - 1) for c in ("gather", "by_hand")}
        text = {
            c: (code(of[f"{c}_{GATHERS}"][1]) - code(of[f"{c}_1"][1])) / (GATHERS - 1) for c in ("gather", "by_hand")
        }
        mb = f"{total[gather] / 1e6:.2f} / {total[by_hand] / 1e6:.2f} MB"
        row(f"{GATHERS} gathers, {kind}: binary", total[gather] / total[by_hand], mb, 1.5 if kind == "debug" else None)
        kb = f"{growth['gather'] / 1e3:.1f} / {growth['by_hand'] / 1e3:.1f} KB"
        ratio = growth["gather"] / growth["by_hand"]
        row(f"a further gather, {kind}: binary", ratio, kb, 1.15 if kind == "release" else None)
        kb = f"{text['gather'] / 1e3:.1f} / {text['by_hand'] / 1e3:.1f} KB"
        row(f"a further gather, {kind}: code and constants", text["gather"] / text["by_hand"], kb)
        for section in (".debug_str", ".debug_info", ".debug_line", ".strtab")[0 if kind == "debug" else 3 :]:
            ours, theirs = (of[name][1][section][1] for name in (gather, by_hand))
            share = f"{ours / 1e6:.2f} / {theirs / 1e6:.2f} MB, {ours / total[gather]:.0%} of gather's file"
            row(f"{GATHERS} gathers, {kind}: {section}", ours / theirs, share)
        if runs:
            (ours, our_clock), (theirs, their_clock) = times[gather], times[by_hand]
            seconds = f"{ours:.1f} / {theirs:.1f} s (on the clock {our_clock:.1f} / {their_clock:.1f})"
            row(f"{GATHERS} gathers, {kind}: compile time", ours / theirs, seconds, 1.3)


def code(sections):
    """The number of bytes of the sections that are loaded."""
    loaded = ".text .rodata .data .data.rel.ro .eh_frame .eh_frame_hdr .gcc_except_table .rela.dyn".split()
    return sum(sections[name][1] for name in loaded if name in sections)


def weigh_nested(runs):
    programs = {f"nested_{level}": nested(level) for level in range(LEVELS + 1)}
    write(programs)
    times = [built(name, "dev", runs and NESTED_RUNS)[0] for name in programs]
    sizes = [size(name, "dev") for name in programs]
    for level in range(1, LEVELS + 1):
        grown, before = (sizes[index] - sizes[0] for index in (level, level - 1))
        growth(f"nested, level {level}: debug binary", grown / 1e6, before / 1e6, "MB")
        if runs:
            grown, before = (times[index] - times[0] for index in (level, level - 1))
            growth(f"nested, level {level}: compile time, debug", grown, before, "s")


def growth(what, grown, before, unit):
    """Adds a row that compares a level with the one before it. The first level has none before it."""
    more = f"{unit} more than no group"
    if before:
        row(what, grown / before, f"{grown:.2f} / {before:.2f} {more}", 2.0)
    else:
        row(what, 1.0, f"{grown:.2f} {more}")


def names(name, head=None):
    """Prints the parts of the type names in a debug build, or the longest name of one type with its parameters."""
    kind, count = name.rsplit("_", 1)
    text = nested(int(count)) if kind == "nested" else gathers(int(count), kind == "by_hand")
    write({name: text})
    cargo(name, "dev")
    offset, length = sections(name, "dev")[".debug_str"]
    section = binary(name, "dev").read_bytes()[offset : offset + length]
    strings = [text.decode(errors="replace") for text in section.split(b"\0")]
    strings.sort(key=len, reverse=True)
    if head:
        return parameters(next(text for text in strings if text.startswith(f"{head}<")))
    total = sum(map(len, strings))
    print(f"{len(strings)} strings of {total / 1e6:.2f} MB in .debug_str; the longest:")
    for text in strings[:20]:
        print(f"{len(text):7}  {text[:150]}")
    named, inside = {}, {}
    for text in strings:
        for depth, head, begin, end in terms(text):
            add(named if depth == 0 else inside, head, end - begin)
    for title, table in (("what is named", named), ("what is inside the names (with its own parameters)", inside)):
        print(f"\n{title}: bytes, times, bytes each")
        for head, (bytes_, times) in sorted(table.items(), key=lambda item: -item[1][0])[:30]:
            print(f"{bytes_:10} {times:8} {bytes_ // times:8}  {head[:120]}")


def add(table, head, length):
    bytes_, times = table.get(head, (0, 0))
    table[head] = bytes_ + length, times + 1


def terms(text):
    """The depth, the name without numbers, the beginning and the end of each parameter and of the whole name."""
    begun = [0]
    for index, letter in enumerate(text):
        if letter in "<(":
            begun.append(index + 1)
        elif letter in ",>)" and len(begun) > 1 and text[index - 1] not in "-=":
            begin = begun[-1]
            yield len(begun) - 1, head_of(text[begin:index]), begin, index
            if letter == ",":
                begun[-1] = index + 1
            else:
                begun.pop()
    yield 0, head_of(text), 0, len(text)


def parameters(text):
    """Prints the length of a name, and that of each of its longer parameters."""
    found = sorted(terms(text), key=lambda term: (term[2], -term[3]))
    for depth, head, begin, end in found:
        if end - begin > 40:
            print(f"{'  ' * depth}{end - begin} {head}")


def head_of(term):
    return re.sub(r"\d+", "N", re.split(r"[<(]", term.strip(), maxsplit=1)[0]) or term.strip()[:1] + ".."


def functions():
    """Prints the functions that a further gather adds."""
    few, many = "gather_1", f"gather_{GATHERS}"
    write({few: gathers(1, False), many: gathers(GATHERS, False)})
    for profile in ("dev", "release"):
        cargo(few, profile)
        cargo(many, profile)
        (bytes_before, times_before), (bytes_, times) = code_of(few, profile), code_of(many, profile)
        per_gather = {name: (bytes_[name] - bytes_before[name], times[name] - times_before[name]) for name in bytes_}
        count = sum(times for _, times in per_gather.values()) / (GATHERS - 1)
        print(f"{profile}: {count:.0f} functions; bytes, how many, the function")
        for name, (bytes_, times) in sorted(per_gather.items(), key=lambda item: -item[1][0])[:40]:
            print(f"{bytes_ / (GATHERS - 1):10.0f} {times / (GATHERS - 1):6.1f}  {name}")


def code_of(name, profile):
    """The number of bytes and of copies of each function. Names have no numbers, and drops have no type parameters."""
    command = ["nm", "--print-size", "--demangle", binary(name, profile)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    bytes_, times = Counter(), Counter()
    for length, function in re.findall(r"^\w+ (\w+) [tT] (.*)$", output, re.MULTILINE):
        dropped = re.match(r"core::ptr::drop_in_place<[^<(]*", function)
        function = re.sub(r"\d+[a-d]?", "N", dropped[0] if dropped else function)[:110]
        bytes_[function] += int(length, 16)
        times[function] += 1
    return bytes_, times


arguments = sys.argv[1:]
if arguments[:1] == ["--names"]:
    names(*(arguments[1:] or ["gather_1"]))
    sys.exit()
if arguments == ["--functions"]:
    functions()
    sys.exit()
runs = 0 if "--sizes" in arguments else RUNS
if "--nested" not in arguments:
    weigh_gathers(runs)
if "--gathers" not in arguments:
    weigh_nested(runs)
judged = [row for row in rows if row[3] is not None]
missed = [row for row in judged if row[1] > row[3]]
print(f"{len(judged) - len(missed)} of {len(judged)} targets met")
if not arguments:
    # `ci/bench.sh --markdown` reads this file.
    (ROOT / "target/bench").mkdir(parents=True, exist_ok=True)
    lines = (f"{what}\t{of}\t{value:.2f}\t{target:g}\n" for what, value, of, target in judged)
    (ROOT / "target/bench/weigh.tsv").write_text("".join(lines))
sys.exit(any(row[1] > KNOWN.get(row[0], 0) for row in missed))
