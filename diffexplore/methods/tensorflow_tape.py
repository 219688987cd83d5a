"""TensorFlow's reverse mode, operation by operation."""

from diffexplore.methods._tensorflow import TensorflowGradient

METHOD = TensorflowGradient(compiled=False)
