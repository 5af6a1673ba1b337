"""The experiments of `examples/seeds.py`, a family in each file."""
