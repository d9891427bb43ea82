"""The sparse 3D network: trained on lifted pseudo-labels, it answers from voxels and text alone."""
