#!/bin/sh
# What pip cannot bring: a Python with venv, a C compiler and Python.h (pesq is built from source); and for the tests two
# sound servers, PortAudio, what Qt is linked against, and a screen, without which those tests are skipped.
# "check" names what is missing and how to get it; "install" gets it where it may (root and apt-get), else does the same;
# "pictures" the letters for pictures of the window in both its languages.
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

has() {
    command -v "$1" >/dev/null 2>&1
}

has_library() { # by a pattern of its file's path
    for folder in /usr/lib /usr/lib64 /usr/lib/*-linux-gnu /usr/local/lib; do
        for file in "$folder"/$1; do
            [ -e "$file" ] && return 0
        done
    done
    return 1
}

missing_to_build() { # Debian packages
    name=$(python)
    if [ -z "$name" ]; then
        echo "python3 python3-venv python3-dev"
    else
        version=$("$name" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
        "$name" -c 'import venv, ensurepip' >/dev/null 2>&1 || echo "$version-venv"
        "$name" -c 'import os, sysconfig, sys; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
            echo "$version-dev"
    fi
    has gcc || has cc || echo "gcc libc6-dev"
}

missing_for_sound() { # Debian packages
    for program in pulseaudio pipewire pipewire-pulse wireplumber; do
        has "$program" || echo "$program"
    done
    has pactl || echo pulseaudio-utils
    has dbus-daemon || echo dbus
    has_library 'libportaudio.so.2*' || echo libportaudio2
    has_library 'alsa-lib/libasound_module_pcm_pulse.so' || echo libasound2-plugins
}

missing_for_the_window() { # Debian packages: what Qt loads itself, what it shows windows on X with, and a screen
    while read -r library package; do
        has_library "$library.so*" || echo "$package"
    done <<END
libEGL libegl1
libGL libgl1
libglib-2.0 libglib2.0-0
libfontconfig libfontconfig1
libfreetype libfreetype6
libgssapi_krb5 libgssapi-krb5-2
libxkbcommon libxkbcommon0
libX11 libx11-6
libX11-xcb libx11-xcb1
libxkbcommon-x11 libxkbcommon-x11-0
libxcb-cursor libxcb-cursor0
libxcb-icccm libxcb-icccm4
libxcb-image libxcb-image0
libxcb-keysyms libxcb-keysyms1
libxcb-randr libxcb-randr0
libxcb-render libxcb-render0
libxcb-render-util libxcb-render-util0
libxcb-shape libxcb-shape0
libxcb-shm libxcb-shm0
libxcb-sync libxcb-sync1
libxcb-util libxcb-util1
libxcb-xfixes libxcb-xfixes0
libxcb-xkb libxcb-xkb1
END
    has Xvfb || echo xvfb
    for program in xauth openbox; do
        has "$program" || echo "$program"
    done
}

missing_for_pictures() { # Debian packages
    has fc-list || echo fontconfig
    fc-list 2>/dev/null | grep -q 'Inter' || echo fonts-inter
    fc-list :lang=zh 2>/dev/null | grep -q . || echo fonts-noto-cjk
}

install() { # the packages named; nothing that is there is taken away for them
    echo "installing with apt-get: $*"
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove "$@"; } \
        >/dev/null </dev/null
}

may_install=
if [ "$mode" != check ] && [ "$(id -u)" = 0 ] && has apt-get; then
    may_install=yes
fi

words() { # lines to one line
    tr '\n' ' ' | sed 's/ *$//'
}

# shellcheck disable=SC2086 # below: lists of words on purpose
needed=$(missing_to_build | words)
if [ -n "$needed" ] && [ -n "$may_install" ]; then
    install $needed
    needed=$(missing_to_build | words)
fi
if [ -n "$needed" ]; then
    echo "error: pesq is built from source and needs a compiler and Python.h; on Debian or Ubuntu: sudo apt install $needed" >&2
    exit 1
fi

if [ "$mode" = install ] && [ "$(uname)" = Linux ]; then
    wanted=$({ missing_for_sound; missing_for_the_window; } | words)
    [ -z "$wanted" ] || [ -z "$may_install" ] || install $wanted
    wanted=$(missing_for_sound | words)
    [ -z "$wanted" ] || echo "tests of live sound are skipped without: $wanted"
    wanted=$(missing_for_the_window | words)
    [ -z "$wanted" ] || echo "tests of the window are skipped without: $wanted"
fi

if [ "$mode" = pictures ]; then
    wanted=$(missing_for_pictures | words)
    [ -z "$wanted" ] || [ -z "$may_install" ] || install $wanted
    wanted=$(missing_for_pictures | words)
    [ -z "$wanted" ] || { echo "error: letters are missing; on Debian or Ubuntu: sudo apt install $wanted" >&2; exit 1; }
fi
