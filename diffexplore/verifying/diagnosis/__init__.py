"""Why a gradient is wrong: hypotheses that predict numbers, and the simplest that explains them all."""
