"""The public port: from an HTTP request to an accepted message and its answer."""
