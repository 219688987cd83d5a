"""The operators of torch: one record each, which tracing, bounds and audit read."""
