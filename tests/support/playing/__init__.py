"""Plays the REST API's own OpenAPI document against a running node, with schemathesis."""
