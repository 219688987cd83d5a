"""Several processes that share one piece of work: who does which part, and how what they found comes together."""
