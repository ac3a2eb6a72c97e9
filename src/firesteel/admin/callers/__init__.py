"""What callers of triggers need: their API's description, snippets, and calls to try it."""
