"""Archives: what retention let go, kept in files that need neither node nor database."""
