"""Offline labelling: recordings in, label stores and reports out; one implementation for the verb and the action."""
