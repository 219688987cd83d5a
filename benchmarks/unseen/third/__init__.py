"""A third collection: recurrences, layers, losses and solvers. What causes have to say was written before they ran."""
