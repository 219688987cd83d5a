"""Backward passes as people write them, each with five mistakes that people make."""
