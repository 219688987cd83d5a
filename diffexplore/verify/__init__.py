"""Verification of somebody's gradient."""

from diffexplore.verify.run import verify

__all__ = ["verify"]
