"""What a transaction of the journal does, on every database: decided in memory, written in SQL."""
