"""The intermediate form of a loss: straight-line programs, their lowering, and the code written from them."""
