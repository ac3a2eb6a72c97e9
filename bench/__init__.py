"""The benchmarks: `make bench` prints a table beside the bare server, measured in the same run."""
