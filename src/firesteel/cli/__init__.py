"""The commands; they talk to a running node through its REST API."""
