"""Helpers around training: seeds, labels, files."""
