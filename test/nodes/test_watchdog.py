from mllm_for3d_ros.nodes.parameters import qos
from mllm_for3d_ros.nodes.speaker import Speaker
from mllm_for3d_ros.nodes.watchdog import Endpoint, Input, explain_silence

IMAGE = "sensor_msgs/msg/Image"
RELIABLE, BEST_EFFORT = qos("reliable", "volatile", 1), qos("best_effort", "volatile", 1)
LATCHED = qos("reliable", "transient_local", 1)


def rgb(profile: object = BEST_EFFORT) -> Input:
    return Input("rgb/image_raw", "/robot/rgb/image_raw", IMAGE, profile)  # type: ignore[arg-type]


def test_a_topic_without_publisher() -> None:
    line = explain_silence(rgb(), [], 7.3)
    assert line.startswith("nothing on /robot/rgb/image_raw for 7 s: it has no publisher")
    assert "-r rgb/image_raw:=/its/topic" in line


def test_a_publisher_of_another_type() -> None:
    line = explain_silence(rgb(), [Endpoint("/cam", "sensor_msgs/msg/CompressedImage", RELIABLE)], 5)
    assert "/cam publishes sensor_msgs/msg/CompressedImage but sensor_msgs/msg/Image is needed" in line


def test_a_qos_that_does_not_fit_names_the_parameter() -> None:
    line = explain_silence(rgb(RELIABLE), [Endpoint("/cam", IMAGE, BEST_EFFORT)], 5)
    assert "the QoS of /cam does not fit" in line and "set the node's reliability parameter" in line
    line = explain_silence(rgb(LATCHED), [Endpoint("/mapper", IMAGE, RELIABLE)], 5)
    assert "durability parameter" in line


def test_a_publisher_that_sends_nothing() -> None:
    assert "/cam is there but sends nothing" in explain_silence(rgb(), [Endpoint("/cam", IMAGE, RELIABLE)], 5)


def test_complaints_are_not_repeated_within_the_period() -> None:
    now, said = [0.0], []
    speaker = Speaker(said.append, 5.0, lambda: now[0])
    for now[0] in (0.0, 1.0, 2.0, 6.0):
        speaker.warn("a", "first\n  line")
    speaker.warn("b", "other")
    assert said == ["first line", "first line (and 2 more times since the last such line)", "other"]
