"""SAM-family segmenters: boxes and points in, masks out; a view is encoded once for all instructions."""
