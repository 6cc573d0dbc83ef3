"""Holds the documents to the code: ci/documents.sh says how."""

import asyncio
import contextlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import types

ROOT = pathlib.Path(__file__).parent.parent
COMMAND = r"(?:[A-Z_]+=\S+ )*(?:cargo|git|rustup|apt|apt-get|ci/\w+\.sh)(?: |$)|ci/\w+\.sh"
# rustdoc compiles and runs the Rust of these.
TESTED = {"README.md", "DESIGN.md", "MIGRATING.md", "DRIVERS.md", "BENCHMARKS.md", "CHANGELOG.md"}
# These languages are in COMPARE.md. compare/js runs the first two. Nothing runs the other two, and the text says so.
OTHERS = {"typescript", "javascript", "scala", "kotlin"}
errors = []


class Block:
    def __init__(self, place, language, marked, lines=()):
        self.place, self.language, self.text = place, language, textwrap.dedent("\n".join(lines))
        self.marked = marked  # whether a comment says which file or log ci/compare.sh compares it with


def lines_of(path):
    """The lines of a document, or those of the docs in a source file, with their numbers."""
    for number, line in enumerate(path.read_text().split("\n"), 1):
        if path.suffix == ".md":
            yield number, line
        elif found := re.match(r"\s*//[/!] ?(.*)", line):
            yield number, found[1]


def read(path):
    """The blocks and the commands in the text of a document."""
    blocks, commands, fence, before = [], [], None, ""
    for number, line in lines_of(path):
        place = f"{path.relative_to(ROOT)}:{number}"
        mark = re.match(r"\s*```(.*)", line)
        if mark and fence is None:
            fence, lines = (place, mark[1], before.startswith("<!--")), []
        elif mark:
            blocks.append(Block(*fence, lines))
            fence = None
        elif fence:
            lines.append(line)
        else:
            commands += [(place, span) for span in re.findall(r"`([^`]+)`", line) if re.match(COMMAND, span)]
        before = line
    return blocks, commands


def squeeze(command):
    """A command without its comments, on one line."""
    lines = [re.sub(r"\s+# .*", "", line).strip() for line in command.strip().split("\n")]
    return re.sub(r"\s+", " ", "; ".join(lines)).replace("do; ", "do ")


# --- commands


def scripts_of_ci():
    """The text of .ci/run, and the text of all checks that it calls."""
    run = (ROOT / ".ci/run").read_text()
    checks = re.findall(r"\b\w+\.sh\b", run)
    return run.replace("\\\n", " "), "\n".join((ROOT / "ci" / name).read_text() for name in dict.fromkeys(checks))


def runs_elsewhere(command, run, checks):
    if script := re.match(r"ci/(\w+\.sh.*)", command):
        return re.search(rf'[ "]{re.escape(script[1])}(?=["\s])', run)
    return re.search(rf"^ *(?:[A-Z_]+=\S+ )*{re.escape(command)}$", checks, re.M)


def check_commands(commands):
    listed = tomllib.loads((ROOT / "ci/documents.toml").read_text())
    in_place, part, never = listed["run"], listed["part"], listed["never"]
    run, checks = scripts_of_ci()
    wanted = {}
    for place, command in commands:
        wanted.setdefault(command, place)
    for command in [*in_place, *part, *never]:
        if command not in wanted:
            errors.append(f"ci/documents.toml: no document names `{command}`")
    for check in part.values():
        if check not in run:
            errors.append(f"ci/documents.toml: .ci/run does not run {check}")
    with tempfile.TemporaryDirectory() as scratch:
        environment = {**os.environ, "root": str(ROOT), "scratch": scratch, "CARGO_TARGET_DIR": str(ROOT / "target")}
        for command, place in wanted.items():
            if command in part or command in never or runs_elsewhere(command, run, checks):
                if command in in_place:
                    errors.append(f"ci/documents.toml: .ci/run runs `{command}` already")
                continue
            if command not in in_place:
                errors.append(f"{place}: nothing in .ci/run runs `{command}`. List it in ci/documents.toml")
                continue
            runs = in_place[command].strip() or command
            print("==", runs, flush=True)
            folder = scratch if runs.startswith("cargo new") else ROOT
            done = subprocess.run(["bash", "-euc", runs], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
            if done.returncode:
                errors.append(f"{place}: `{runs}` ended with {done.returncode}")


# --- the first example, as a newcomer has it


def check_readme(blocks):
    dependencies, code, output = [block for block in blocks if block.place.startswith("README.md:")][:3]
    assert (dependencies.language, code.language, output.language) == ("toml", "rust", "text")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        subprocess.run(["cargo", "init", "--quiet", "--name", "first", folder], check=True)
        manifest = folder / "Cargo.toml"
        text = manifest.read_text().replace("[dependencies]\n", "")
        patch = f'\n[patch.crates-io]\ngather-cm = {{ path = "{ROOT}" }}\n'
        manifest.write_text(text + dependencies.text + patch)
        (folder / "Cargo.lock").write_text((ROOT / "Cargo.lock").read_text())
        (folder / "src/main.rs").write_text(code.text)
        environment = {**os.environ, "CARGO_TARGET_DIR": str(ROOT / "target/first")}
        print("== the first example of the README", flush=True)
        done = subprocess.run(["cargo", "run", "--quiet"], cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode or done.stdout.strip() != output.text.strip():
            errors.append(f"{output.place}: the example prints\n{done.stdout}{done.stderr}")


# --- other languages


def check_toml(block):
    def version(value):
        return value if isinstance(value, str) else value["version"]

    table = tomllib.loads(block.text)
    package = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]
    for name, value in table.get("dependencies", {}).items():
        if name == "gather-cm" and not package["version"].startswith(version(value) + "."):
            errors.append(f"{block.place}: the version is {package['version']}")


def fakes():
    """The names that the Python of MIGRATING.md uses and does not define."""

    class Resource:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *error):
            return None

        async def query(self):
            return 1

        listen = close = query

        def wants_more(self):
            return True

    def resource(*_):
        return Resource()

    async def coroutine(*_):
        return Resource()

    async def report(*_):
        return None

    @contextlib.asynccontextmanager
    async def gather_cm(*managers):
        async with contextlib.AsyncExitStack() as stack:
            yield await asyncio.gather(*(stack.enter_async_context(manager) for manager in managers))

    names = dict.fromkeys(["connect", "open", "start_vm", "Database"], resource)
    names |= dict.fromkeys(["open_file", "start", "handle"], coroutine)
    names |= {"gather_cm": gather_cm, "report": report, "names": ["a", "b"], "request": None, "asyncio": asyncio}
    names |= {name: getattr(contextlib, name) for name in ["AsyncExitStack", "asynccontextmanager"]}
    return names | {"pytest_asyncio": types.SimpleNamespace(fixture=contextlib.asynccontextmanager)}


def check_python(block):
    try:
        names = fakes()
        exec(f"async def block():\n{textwrap.indent(block.text, '    ')}\n", names)
        asyncio.run(names["block"]())
    except BaseException as error:
        errors.append(f"{block.place}: {error!r}")


def check_block(block):
    document = block.place.partition(":")[0]
    language = block.language.partition(",")[0]
    if document == "COMPARE.md" and not block.marked and language not in OTHERS:
        errors.append(f"{block.place}: ci/compare.sh needs a comment before this block")
    elif document == "COMPARE.md" or language == "text":
        if any(re.match(rf"\s*\$? ?(?:{COMMAND})", line) for line in block.text.split("\n")):
            errors.append(f"{block.place}: mark a block of commands with `sh`")
    elif language == "toml":
        check_toml(block)
    elif language == "python":
        check_python(block)
    elif language == "rust" or (language in ("", "should_panic") and document.endswith(".rs")):
        if document.endswith(".md") and document not in TESTED:
            errors.append(f"{block.place}: no test compiles this")
    elif language != "sh":
        errors.append(f"{block.place}: nothing runs {language or 'a block without a language'}")


def main():
    listing = subprocess.check_output(["git", "ls-files", "*.md", "src/*.rs"], cwd=ROOT, text=True)
    blocks, commands = [], []
    for path in listing.split():
        more_blocks, more_commands = read(ROOT / path)
        blocks += more_blocks
        commands += more_commands
    commands += [(block.place, squeeze(block.text)) for block in blocks if block.language == "sh"]
    for block in blocks:
        check_block(block)
    check_readme(blocks)
    check_commands(commands)
    print(*errors, sep="\n", file=sys.stderr)
    print(f"{len(blocks)} blocks, {len(commands)} commands: {len(errors)} errors")
    return 1 if errors else 0


sys.exit(main())
