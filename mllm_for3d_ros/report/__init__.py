"""Pages to look at what a labelling run did: one a run, one a scene, each a file that needs no other."""
