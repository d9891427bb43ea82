"""From messages of any camera to posed frames: decoding, rectification, registration, the robot left out. ROS-free
but for the messages' fields.
"""
