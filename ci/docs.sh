#!/usr/bin/env bash
# Builds the docs, and takes pictures of some of their pages as a browser with a width of 1,200 px shows them. It fails
# if the page of `Gather` is too high for people to read, or if the browser cuts off a line of code or a table.
#
#   ci/docs.sh [FOLDER]   puts the pictures into the folder, which is target/screenshots if you give none
#
# It installs Chromium if it is missing. It does so on Debian, as root.
set -euo pipefail
cd "$(dirname "$0")/.."
pictures=${1:-target/screenshots}
RUSTDOCFLAGS="-D warnings" cargo doc --quiet --no-deps --all-features
if ! command -v chromium >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium python3 >/dev/null
fi
mkdir -p "$pictures"
timeout 300 python3 - "${CARGO_TARGET_DIR:-target}/doc/gather_cm" "$pictures" <<'END'
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

WIDTH, MOST = 1200, {"struct.Gather.html": 12000}
PAGES = ["index.html", "struct.Gather.html", "trait.Exit.html", "trait.EnterExt.html", "struct.Failure.html", "fn.scope.html"]
LOOK = """new Promise(done => document.readyState == 'complete' ? done() : addEventListener('load', done))
    .then(() => document.fonts.ready).then(() => ({
        height: document.documentElement.scrollHeight,
        cut: [...document.querySelectorAll('pre, .docblock div:has(> table)')]
            .filter(block => block.scrollWidth > block.clientWidth)
            .map(block => block.textContent.split('\\n').reduce((a, b) => a.length < b.length ? b : a)),
    }))"""

docs, pictures = (pathlib.Path(path).resolve() for path in sys.argv[1:])
profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
# Chromium reads commands from descriptor 3 and answers on 4. A zero byte ends each message.
(commands, to_browser), (from_browser, answers) = os.pipe(), os.pipe()
browser = subprocess.Popen(
    ["bash", "-c", "exec chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe"
     " --user-data-dir=%s 3<&%d 4>&%d" % (profile.name, commands, answers)],
    pass_fds=(commands, answers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
os.close(commands)
os.close(answers)
received = os.fdopen(from_browser, "rb")


def call(method, **arguments):
    message = {"id": 1, "method": method, "params": arguments} | session
    os.write(to_browser, json.dumps(message).encode() + b"\0")
    answer = {}
    while "id" not in answer:  # else it is an event
        answer = json.loads(b"".join(iter(lambda: received.read(1) or sys.exit("Chromium has ended"), b"\0")))
    return answer["result"]


session = {}
tab = call("Target.createTarget", url="about:blank")["targetId"]
session = {"sessionId": call("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]}
failed = False
for page in PAGES:
    size = {"width": WIDTH, "deviceScaleFactor": 1, "mobile": False}
    call("Emulation.setDeviceMetricsOverride", height=900, **size)
    call("Page.navigate", url=(docs / page).as_uri())
    seen = call("Runtime.evaluate", expression=LOOK, awaitPromise=True, returnByValue=True)["result"]["value"]
    call("Emulation.setDeviceMetricsOverride", height=seen["height"], **size)
    picture = base64.b64decode(call("Page.captureScreenshot", format="png")["data"])
    (pictures / page.replace(".html", ".png")).write_bytes(picture)
    too_high = seen["height"] > MOST.get(page, seen["height"])
    print("%s: %d px high%s" % (page, seen["height"], ", which is too high" if too_high else ""))
    print("".join("    cut off: %s\n" % line for line in seen["cut"]), end="")
    failed |= too_high or bool(seen["cut"])
call("Browser.close")
browser.wait()
sys.exit(failed)
END
