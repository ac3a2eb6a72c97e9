"""The step kinds of a workflow, compiled once per version and run in order."""
