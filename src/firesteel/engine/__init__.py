"""Accept, dispatch, settle, recover: the process that owns all state and runs no user code."""
