"""What all outputs for people are made of: blocks of text, numbers and names in words."""
