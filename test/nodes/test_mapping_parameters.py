"""The table of parameters, the page about them and the shipped file say the same."""

from pathlib import Path

import pytest
import yaml
from parameter_page import documented, section, shown

from mllm_for3d_ros.nodes.managed_node import COMMON_PARAMETERS
from mllm_for3d_ros.nodes.mapping_parameters import PARAMETERS, contradiction
from mllm_for3d_ros.nodes.parameters import Parameter

ROOT = Path(__file__).parents[2]
TABLE = {parameter.name: parameter for parameter in (*PARAMETERS, *COMMON_PARAMETERS)}
PAGE = section("Lifecycle and parameters of all nodes", "reasoning_node")
VALUES: dict[str, object] = {name: parameter.default for name, parameter in TABLE.items()}


def test_the_page_lists_every_parameter() -> None:
    assert sorted(documented(PAGE)) == sorted(TABLE)


@pytest.mark.parametrize("parameter", TABLE.values(), ids=TABLE)
def test_the_page_has_its_default_and_range(parameter: Parameter) -> None:
    assert documented(PAGE)[parameter.name] == shown(parameter)


def test_the_shipped_file_has_parameters_that_exist_and_make_sense() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "mapping.yaml").read_text())["/**/mapping_node"]["ros__parameters"]
    assert set(shipped) <= set(TABLE)
    for name, value in shipped.items():
        assert type(value) is type(TABLE[name].default) and TABLE[name].accepts(value), name
    assert not contradiction(VALUES | shipped)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, ""),
        ({"min_depth": 4.0}, "min_depth 4 must be below max_depth 4"),
        ({"self_filter_frame": "arm"}, "least x y z, then greatest"),
        ({"self_filter_frame": "arm", "self_filter_box": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]}, ""),
        ({"self_filter_box": [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]}, "needs self_filter_frame"),
    ],
)
def test_values_that_do_not_fit_each_other_are_named(values: dict, said: str) -> None:
    assert said in contradiction(VALUES | values) and bool(said) == bool(contradiction(VALUES | values))
