# To be sourced by the checks that need a tool which PyPI has as a wheel: nothing is compiled for it.

# wheel COMMAND VERSION [PACKAGE]: puts the command of the package into PATH, in this version. It is installed below target/
# if it is not there. If that is not possible, pip says why, and the check fails.
wheel() {
    local tools=${CARGO_TARGET_DIR:-$PWD/target}/tools/$1-$2
    if [ ! -x "$tools/bin/$1" ]; then
        rm -rf "$tools"
        python3 -m venv "$tools" || { echo "$1 needs python3-venv: bash ci/install.sh installs it" >&2; return 1; }
        "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-deps "${3:-$1}==$2"
    fi
    PATH=$tools/bin:$PATH
}
