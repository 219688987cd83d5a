"""From a torch function to formulas: its graph and that of its backward pass, read into SymPy for every N."""
