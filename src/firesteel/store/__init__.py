"""What keeps and orders messages: ports, schema and their adapters."""
