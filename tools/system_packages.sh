#!/bin/sh
# What pip cannot bring: a Python with venv, a C compiler and Python.h (pesq is built from source).
# "check" names what is missing and how to get it; "install" gets it where it may (root and apt-get), else does the same.
set -u
mode=${1:-check}

python() { # the first of these that is new enough; the Makefile chooses the same way
    for name in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            echo "$name"
            return
        fi
    done
}

missing() { # one Debian package a line
    name=$(python)
    if [ -z "$name" ]; then
        echo "python3 python3-venv python3-dev"
    else
        version=$("$name" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        "$name" -c 'import venv, ensurepip' >/dev/null 2>&1 || echo "$version-venv"
        "$name" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
            echo "$version-dev"
    fi
    command -v gcc >/dev/null 2>&1 || command -v cc >/dev/null 2>&1 || echo "gcc libc6-dev"
}

needed=$(missing | tr '\n' ' ')
if [ -n "$needed" ] && [ "$mode" = install ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing with apt-get: $needed"
    # shellcheck disable=SC2086 # a list of words on purpose
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $needed; } \
        >/dev/null </dev/null
    needed=$(missing | tr '\n' ' ')
fi
if [ -n "$needed" ]; then
    echo "error: pesq is built from source and needs a compiler and Python.h; on Debian or Ubuntu: sudo apt install $needed" >&2
    exit 1
fi
