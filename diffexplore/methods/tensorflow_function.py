"""TensorFlow's reverse mode, as a graph that tf.function traced."""

from diffexplore.methods._tensorflow import TensorflowGradient

METHOD = TensorflowGradient(compiled=True)
