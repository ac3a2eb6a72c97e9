#!/bin/sh
# Prints the Python that `make` builds its virtual environment with: $PYTHON where it is set,
# otherwise the newest of 3.14 to 3.11 on the PATH. Candidates are run, not only looked up: a
# version manager's shim may stand on the PATH for a version that is not installed.
set -u

supported='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))'

if [ -n "${PYTHON:-}" ]; then
    if "$PYTHON" -c "$supported" 2>/dev/null; then
        echo "$PYTHON"
        exit 0
    fi
    echo "make: PYTHON=$PYTHON is not a Python 3.11, 3.12, 3.13 or 3.14" >&2
    exit 1
fi

for candidate in python3.14 python3.13 python3.12 python3.11 python3 python; do
    if "$candidate" -c "$supported" 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
done
echo "make: Firesteel needs Python 3.11, 3.12, 3.13 or 3.14, and none is on the PATH." >&2
echo "make: install one, or name it: make PYTHON=/path/to/python3 ..." >&2
exit 1
