"""From messages of any camera to posed frames: decoding, rectification, registration, the robot left out, jumps told.

Nothing here subscribes or publishes; see ``image_inputs`` and ``mapper`` for what does.
"""
