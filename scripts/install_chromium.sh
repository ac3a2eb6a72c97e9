#!/bin/sh
# The browser of the browser tests and screenshots: installed on Debian as root where there is none.
# Elsewhere it says so; the tests that need it are left out then (and fail where CI is set).

for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null 2>&1; then
        exit 0
    fi
done
if [ -n "${CHROMIUM:-}" ] || [ -d "/Applications/Google Chrome.app" ] || [ -d /Applications/Chromium.app ]; then
    exit 0
fi
if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing chromium"
    if { apt-get update && apt-get install -y --no-install-recommends chromium; } >/dev/null; then
        exit 0
    fi
fi
echo "there is no Chromium, so the browser tests are left out: install it, or set CHROMIUM" >&2
