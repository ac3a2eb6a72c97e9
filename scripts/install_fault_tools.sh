#!/bin/sh
# What the fault tests use of the system in their full size: installed on Debian as root. Elsewhere
# it says what is missing; tests that need it are left out, and pytest tells which.

packages="strace fuse3 iproute2 nginx libfaketime"

missing=""
for package in $packages; do
    case "$package" in
        fuse3) command -v fusermount3 ;;
        iproute2) command -v ip ;;
        libfaketime) command -v faketime || ls /usr/lib/*/faketime/libfaketime.so.1 ;;
        *) command -v "$package" ;;
    esac >/dev/null 2>&1 || missing="$missing $package"
done

if [ -z "$missing" ]; then
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing$missing"
    # shellcheck disable=SC2086  # a list of names
    if { apt-get update && apt-get install -y --no-install-recommends $missing; } >/dev/null; then
        exit 0
    fi
fi
echo "the fault tests that need one of these are left out:$missing"
