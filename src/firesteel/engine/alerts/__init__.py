"""Alerts: what is to be told is looked for in the store, gathered, worded, and sent by workers."""
