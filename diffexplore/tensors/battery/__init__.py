"""How a backward pass is called: what breaks where it is called otherwise than by a plain test."""
