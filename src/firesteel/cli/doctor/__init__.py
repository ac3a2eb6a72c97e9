"""``firesteel doctor``: a whole installation looked at without a node, and what to do about it."""
