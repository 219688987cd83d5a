"""Errors of methods over many places: along a step, along a parameter, over a plane of two, and over the samples.

Each of them is computed here, once, as plain records that become figures; drawing computes nothing.
"""
