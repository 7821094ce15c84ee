"""Adapters for what runs the model, one module for each host; none is imported before it is asked for."""
