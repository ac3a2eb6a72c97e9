"""Metrics for Prometheus: which there are, where they are read, and how they are written."""
