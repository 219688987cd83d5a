"""How long a gradient takes by each method, how much memory, and how far it is from the truth."""
