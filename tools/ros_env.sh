# Sourced by the Makefile before anything that runs nodes; also `. tools/ros_env.sh` in a shell of yours.
# Without the shared-memory profile large best-effort messages (images, clouds) are lost.
tools_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export FASTDDS_DEFAULT_PROFILES_FILE="${FASTDDS_DEFAULT_PROFILES_FILE:-$(dirname "$tools_dir")/config/fastdds_shm.xml}"
# Nodes of other machines are none of a demo's or a test's business.
export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
unset tools_dir
# A ROS distribution sourced in this shell must not mix with the ROS wheels in .venv.
unset PYTHONPATH LD_LIBRARY_PATH AMENT_PREFIX_PATH RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE
