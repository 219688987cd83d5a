"""The sweeps that measure what diffexplore promises; each prints a table, and writes it with ``--json FILE``."""
