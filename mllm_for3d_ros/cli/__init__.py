"""The command line: one module a verb, loaded only when its verb is called."""
