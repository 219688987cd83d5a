"""Somebody's torch code: how it is called, what of it can be watched, and the constants that it holds."""
