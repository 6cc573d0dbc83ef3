#!/usr/bin/env bash
# Follows every link that leads to a place in the repository: the links of each *.md as GitHub shows it, and the links
# of each page of the docs as rustdoc writes it. It fails if a file or an anchor does not exist. It also fails if the
# definition of a reference is missing, unused, or hidden by another one, or if a signature in the docs names a private
# trait.
#
#   ci/links.sh          checks all links within the repository. A link to the docs at docs.rs leads to the local pages
#   ci/links.sh --list   lists the links to other sites, which no check fetches
set -euo pipefail
cd "$(dirname "$0")/.."
case ${1:-} in
"" | --list) ;;
*) sed -n '2,/^set/s/^# \?//p' "$0" && exit 2 ;;
esac
RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --no-deps --all-features
git ls-files --cached --others --exclude-standard '*.md' |
    python3 -c "$(cat <<'END'
import html.parser
import os
import re
import sys
import urllib.parse

docs, mode = sys.argv[1], sys.argv[2:]
errors, fetched = [], {}
# Where the docs and the package will be.
PUBLISHED = "https://docs.rs/gather-cm/latest/"
PACKAGE = "https://docs.rs/crate/gather-cm/latest/source/"


def web(link, place):
    """Whether the link leads out of the repository. A link to the published crate does not: this follows it at once."""
    if link.startswith(PUBLISHED):
        check_link(link.removeprefix(PUBLISHED), docs, place)
        return True
    if link.startswith(PACKAGE):
        check_link(link.removeprefix(PACKAGE), ".", place)
        return True
    if re.match(r"[a-z][a-z+.-]*:", link):
        fetched.setdefault(link.partition("#")[0], set()).add(place)
        return True
    return False


# --- the documents, as GitHub shows them

SPAN = r"(?:`[^`]*`|[^][`])*"  # the text in brackets: it may contain code, but no other brackets


def prose(path):
    """The lines of a document that are in no code block and in no comment, with their numbers."""
    fence = None
    with open(path) as file:
        for number, line in enumerate(file, 1):
            mark = re.match(r"\s*(```+|~~~+)", line)
            if mark and fence is None:
                fence = mark[1]
            elif mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = None
            elif fence is None and not line.startswith("<!--"):
                yield number, line.rstrip("\n")


def slug(heading):
    text = re.sub(r"\[(%s)\](\([^)]*\)|\[[^]]*\])" % SPAN, r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(path):
    found = {}
    for _, line in prose(path):
        heading = re.match(r"#{1,6} +(.*?) *#*$", line)
        if heading:
            name = slug(heading[1])
            times = found.get(name, 0)
            found[name] = times + 1
            yield name + ("-%d" % times if times else "")


def check_document(path):
    def follow(link, number):
        place = "%s:%d" % (path, number)
        if web(link, place):
            return
        file, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(target):
            errors.append("%s: %s does not exist" % (place, target))
        elif anchor and anchor not in set(anchors(target)):
            errors.append("%s: %s has no heading #%s" % (place, target, anchor))

    defined, wanted, seen = {}, [], set()
    for number, line in prose(path):
        definition = re.match(r"\[(%s)\]:\s+(\S+)" % SPAN, line)
        if definition:
            label = definition[1].lower()
            if label in defined:
                errors.append("%s:%d: [%s] is defined before" % (path, number, definition[1]))
            defined[label] = number
            follow(definition[2], number)
            continue
        # Code is no link, unless it is in the brackets of a link.
        linked = re.sub(r"(\[%s\])|`[^`]*`" % SPAN, lambda found: found[1] or "", line)
        for found in re.finditer(r"\[(%s)\](?:\(([^()\s]*(?:\([^()]*\)[^()\s]*)?)\)|\[([^]]*)\])?" % SPAN, linked):
            text, link, label = found.groups()
            if link is not None:
                follow(link, number)
            elif label:
                wanted.append((label.lower(), number))
            else:
                seen.add(text.lower())
    for label, number in wanted:
        seen.add(label)
        if label not in defined:
            errors.append("%s:%d: [%s] is not defined" % (path, number, label))
    for label, number in defined.items():
        if label not in seen:
            errors.append("%s:%d: nothing refers to [%s]" % (path, number, label))


# --- the pages of the docs


SIGNATURE = "fn", "constant", "associatedtype"


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.ids, self.links = set(), set()
        # The names in signatures that are no links; the tag of a signature, with its depth; the depth of links.
        self.plain, self.signature, self.linked = set(), None, 0
        self.synthetic = False  # whether these are the impls that the compiler adds, such as `Send`
        with open(path) as file:
            self.feed(file.read())

    def handle_data(self, data):
        if self.signature and not self.linked:
            # Associated types are no traits: `Fut::Output`, `Output = T`, `Output: Send`.
            self.plain.update(re.findall(r"(?<![:\w])[A-Z]\w+\b(?! =|:)", data))

    def handle_endtag(self, tag):
        self.linked -= tag == "a"
        if self.signature and tag == self.signature[0]:
            self.signature[1] -= 1
            if not self.signature[1]:
                self.signature = None

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        self.linked += tag == "a"
        if str(attributes.get("id")).endswith("-implementations-list"):
            self.synthetic = attributes["id"].startswith("synthetic")
        if self.signature:
            self.signature[1] += tag == self.signature[0]
        elif "code-header" in (attributes.get("class") or "").split() and not self.synthetic:
            self.signature = [tag, 1]
        if tag == "a" and attributes.get("href"):
            link = attributes["href"]
            # In signatures, rustdoc names anchors of hidden items.
            self.links.add(link.partition("#")[0] or "#" if attributes.get("class") in SIGNATURE else link)


pages = {}


def page(path):
    if path not in pages:
        pages[path] = Page(path)
    return pages[path]


def check_link(link, folder, place, path=None):
    """Follows a link to a page of the docs, from a page in this folder or from this place in a document."""
    file, _, anchor = link.partition("#")
    file = urllib.parse.unquote(file.partition("?")[0])
    target = os.path.normpath(os.path.join(folder, file)) if file else path
    if not os.path.isfile(target):
        errors.append("%s: %s leads to no page" % (place, link))
    elif anchor and target.endswith(".html"):
        # On a page of source code, an anchor may name several lines. A script shows them.
        lines = re.fullmatch(r"(\d+)-(\d+)", anchor)
        for anchor in lines.groups() if lines else [anchor]:
            # Some ids are quoted themselves.
            if not page(target).ids & {anchor, urllib.parse.unquote(anchor)}:
                errors.append("%s: %s has no such anchor" % (place, link))


def check_page(path):
    place = os.path.relpath(path, docs)
    for link in sorted(page(path).links):
        # rustdoc copies docs of other crates, with their paths.
        if not web(link, place) and "::" not in link:
            check_link(link, os.path.dirname(path), place, path)


def check_traits(paths):
    """A signature names no trait of the crate that has no page, but for `Sealed`, which says all there is to say."""
    traits = set()
    for folder, _, files in os.walk("src"):
        for file in files:
            with open(os.path.join(folder, file)) as source:
                traits.update(re.findall(r"^ *(?:pub(?:\([^)]*\))? )?trait (\w+)", source.read(), re.M))
    public = {re.sub(r"trait\.(\w+)\.html", r"\1", os.path.basename(path)) for path in paths}
    for path in paths:
        for name in sorted(page(path).plain & (traits - public - {"Sealed"})):
            errors.append("%s: a signature names the private trait %s" % (os.path.relpath(path, docs), name))


documents = sys.stdin.read().split()
for document in documents:
    check_document(document)
number = 0
for folder, _, files in os.walk(os.path.join(docs, "gather_cm")):
    for file in files:
        if file.endswith(".html"):
            check_page(os.path.join(folder, file))
            number += 1
check_traits(sorted(path for path in pages if "/gather_cm/" in path and "/src/" not in path))
if mode:
    for link, places in sorted(fetched.items()):
        print(link, *sorted(places)[:3], *(["and %d more" % (len(places) - 3)] if len(places) > 3 else []))
else:
    print("%d documents, %d pages: %d broken links" % (len(documents), number, len(errors)))
print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
sys.exit(1 if errors or not number else 0)
END
    )" "${CARGO_TARGET_DIR:-target}/doc" "$@"
