"""What may be wrong with a machine, its DDS set-up, its topics and transforms, and how to mend it. ROS-free: what
listens to topics is ``nodes.graph_doctor``.
"""
