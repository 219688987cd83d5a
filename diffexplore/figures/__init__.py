"""Figures: data first (:mod:`diffexplore.figures.records`), and a file for each medium that draws them."""
