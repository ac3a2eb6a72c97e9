"""Moving a store from its SQLite file to PostgreSQL, while no node works with either."""
