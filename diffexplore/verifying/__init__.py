"""Verification of somebody's gradient."""

from diffexplore.verifying.run import verify

__all__ = ["verify"]
