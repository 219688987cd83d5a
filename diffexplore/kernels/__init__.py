"""Values and derivatives of a loss over a whole batch, as fast as the data can be read: ``loss.compile()``."""
