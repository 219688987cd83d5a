"""Why a gradient is wrong."""

from diffexplore.verify.diagnosis.diagnose import diagnosed

__all__ = ["diagnosed"]
