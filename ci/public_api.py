"""Compares the foreign items in the public API of a crate with a list.

public_api.py API.json Cargo.toml. ci/public_api.sh runs it, and explains it.
"""

import json
import sys
import tomllib
from pathlib import Path

FORMAT = 57  # the version of rustdoc's JSON that this was written for
OUR = {"core", "alloc", "std"}

api = json.loads(Path(sys.argv[1]).read_text())
manifest = tomllib.loads(Path(sys.argv[2]).read_text())
allowed = set(manifest["package"]["metadata"]["cargo_check_external_types"]["allowed_external_types"])

if api["format_version"] != FORMAT:
    print(f"warning: rustdoc's JSON has version {api['format_version']}, and not {FORMAT}", file=sys.stderr)

# The path of each item that belongs neither to this crate nor to the standard library, by its id.
foreign = {}
for number, item in api["paths"].items():
    crate = api["external_crates"].get(str(item["crate_id"]), {}).get("name")
    if crate and crate not in OUR:
        foreign[number] = "::".join(item["path"])


def named(part):
    """The paths of the foreign items in a part of the JSON, which refers to an item by an `id` and a `path`."""
    if isinstance(part, dict):
        # A re-export has a `source` there.
        if ("path" in part or "source" in part) and str(part.get("id")) in foreign:
            yield foreign[str(part["id"])]
        for value in part.values():
            yield from named(value)
    elif isinstance(part, list):
        for value in part:
            yield from named(value)


def by_us(item):
    """Says whether the item is written in this crate. Blanket and auto trait impls are not."""
    if item["crate_id"] != 0:
        return False
    impl = item["inner"].get("impl")
    return not impl or not (impl["is_synthetic"] or impl["blanket_impl"])


found = {}
for item in api["index"].values():
    if by_us(item):
        for path in named(item["inner"]):
            span = item["span"]
            place = f"{span['filename']}:{span['begin'][0]}" if span else item["name"] or "?"
            found.setdefault(path, set()).add(place)

if not api["index"] or not foreign:
    sys.exit("the JSON has no items, or no items of dependencies: is it rustdoc's?")
for path in sorted(found):
    places = sorted(found[path])
    more = f" and {len(places) - 3} more" if len(places) > 3 else ""
    print(f"{path}: {', '.join(places[:3])}{more}")
for path in sorted(found.keys() - allowed):
    print(f"not in the list of Cargo.toml: {path}", file=sys.stderr)
for path in sorted(allowed - found.keys()):
    print(f"in the list of Cargo.toml, and no longer in the API: {path}", file=sys.stderr)
sys.exit(found.keys() != allowed)
