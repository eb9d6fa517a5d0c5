"""What a project writes layers of its own with; see the page Custom layers of the documentation.

A layer file is named in the pyproject.toml of the project:

    [tool.vnasdsl]
    layers = ["mylayers.py"]

Every `Layer` in it can be used by the .vns files of the project like one of the language. The layers of the language
are written with the same classes, in `vnasdsl/layers`.
"""

from vnasdsl.layers.base import (
    Applied,
    Arguments,
    Body,
    BodyCode,
    Field,
    FunctionCode,
    Layer,
    ModuleCode,
    Parameter,
    Shape,
    tensors,
)
from vnasdsl.layers.base import LayerError as _LayerError
from vnasdsl.layers.window import DILATION, PADDING, STRIDE, Window, window

__all__ = [
    "DILATION",
    "PADDING",
    "STRIDE",
    "Applied",
    "Arguments",
    "Body",
    "BodyCode",
    "Field",
    "FunctionCode",
    "Layer",
    "LayerError",
    "ModuleCode",
    "Parameter",
    "Shape",
    "Window",
    "tensors",
    "window",
]


class LayerError(_LayerError):
    """Raised by a rule for an input or arguments that the layer does not take; it is shown at the layer's line."""

    def __init__(self, message: str, help: str | None = None, parameter: str | None = None):
        """parameter: the one at fault, whose value is then underlined."""
        super().__init__("E0420", message, help, parameter)
