"""Firesteel: a self-hosted integration engine."""
