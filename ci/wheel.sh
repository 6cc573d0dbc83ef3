# A check sources this file if it needs a tool that PyPI has as a wheel, so that nothing is compiled.

# wheel COMMAND VERSION [PACKAGE]: puts the command of the package into PATH, in this version. If the command is
# missing, pip installs it below target/. If pip cannot do so, it says why, and the check fails.
wheel() {
    local tools=${CARGO_TARGET_DIR:-$PWD/target}/tools/$1-$2
    if [ ! -x "$tools/bin/$1" ]; then
        rm -rf "$tools"
        python3 -m venv "$tools" || { echo "$1 needs python3-venv: bash ci/install.sh installs it" >&2; return 1; }
        "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps "${3:-$1}==$2"
    fi
    PATH=$tools/bin:$PATH
}
