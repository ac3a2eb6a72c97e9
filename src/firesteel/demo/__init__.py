"""The demo: a project and its ERP database, as data."""
