"""The surface of a loss over two parameters (or one), with its gradient, a descent and its valleys, as data."""
