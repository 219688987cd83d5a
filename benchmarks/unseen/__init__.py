"""Hand-written backward passes with planted mistakes, written after the diagnosis was, and not for it."""
