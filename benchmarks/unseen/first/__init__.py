"""Functions of models, losses and filters, none of which the diagnosis was made with."""
