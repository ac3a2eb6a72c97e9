"""The admin port: the REST API that the CLI and the console use."""
