"""The table of parameters, the page about them and the shipped file say the same."""

from pathlib import Path

import pytest
import yaml
from parameter_page import documented, section, shown

from mllm_for3d_ros.nodes.image_inputs import IMAGE_PARAMETERS
from mllm_for3d_ros.nodes.parameters import Parameter
from mllm_for3d_ros.nodes.reasoning_parameters import PARAMETERS

ROOT = Path(__file__).parents[2]
PAGE = section("reasoning_node", "labeling_node")
TABLE = {parameter.name: parameter for parameter in PARAMETERS}
OWN = [parameter for parameter in PARAMETERS if parameter not in IMAGE_PARAMETERS]


def test_the_page_lists_every_parameter() -> None:
    assert sorted(documented(PAGE)) == sorted(parameter.name for parameter in OWN)
    assert all(f"`{parameter.name}`" in PAGE for parameter in IMAGE_PARAMETERS)


@pytest.mark.parametrize("parameter", OWN, ids=lambda parameter: parameter.name)
def test_the_page_has_its_default_and_range(parameter: Parameter) -> None:
    assert documented(PAGE)[parameter.name] == shown(parameter)


def test_the_shipped_file_has_parameters_that_exist_and_make_sense() -> None:
    shipped = yaml.safe_load((ROOT / "config" / "reasoning.yaml").read_text())["/**/reasoning_node"]["ros__parameters"]
    assert set(shipped) <= set(TABLE)
    for name, value in shipped.items():
        assert type(value) is type(TABLE[name].default) and TABLE[name].accepts(value), name
