"""Redaction: what an author does not want stored is replaced before a message is."""
