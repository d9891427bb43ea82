"""The fused scene: voxel map, projection into views, instances, point cloud packing."""
