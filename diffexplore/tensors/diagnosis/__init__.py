"""Why a gradient of tensors is wrong: hypotheses that predict every entry, and the simplest that explains them all."""
