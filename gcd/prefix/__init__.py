"""The state of a generated text, found by its ids: what the hosts' adapters share."""
