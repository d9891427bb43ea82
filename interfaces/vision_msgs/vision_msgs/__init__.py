"""vision_msgs as built by mllm_for3d_ros, for machines without a ROS distribution (no wheel exists)."""
