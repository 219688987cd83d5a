"""What a caller gives, and what it means: one reader of losses for Python and for the command line."""
