"""The last look at generated code: nothing but classes of layers, whatever text they were made from.

All names and attributes are listed that may be there; what is not listed is refused. A refusal is a fault of vnasdsl,
never of a user's text.
"""

from __future__ import annotations

import ast

from vnasdsl.codegen.names import BUILTINS

IMPORTS = frozenset({"import math", "import torch", "import torch.nn.functional as F", "from torch import Tensor, nn"})
REFUSED = (
    ast.Assert, ast.AsyncFunctionDef, ast.Await, ast.Delete, ast.Global, ast.Lambda, ast.NamedExpr, ast.Nonlocal,
    ast.With, ast.Yield, ast.YieldFrom,
)  # fmt: skip
TOP_LEVEL = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
OF_MODULES = {
    "torch": frozenset(
        """arange as_tensor cat device einsum finfo full long no_grad ones ones_like rand randn roll sigmoid softmax
        stack tanh zeros zeros_like""".split()
    ),
    "nn": frozenset(
        """AvgPool3d BatchNorm3d Conv3d Dropout ELU GELU Hardsigmoid Hardswish Identity LayerNorm LeakyReLU Linear
        MaxPool3d Mish Module ModuleDict ModuleList Parameter ReLU ReLU6 Sequential SiLU Sigmoid Softplus
        Tanh""".split()
    ),
    "F": frozenset(
        """adaptive_max_pool3d conv3d elu gelu hardsigmoid hardswish interpolate leaky_relu mish pad relu relu6
        scaled_dot_product_attention silu softplus""".split()
    ),
    "math": frozenset({"pi", "prod", "sqrt"}),
}
"""What generated code may take from the modules it imports."""
LARGEST_MODULE = 64 << 20


def check_code(text: str, own: frozenset[str] = frozenset()) -> None:
    """Raises: ValueError for anything that has no business there.

    own: classes of the project, in which anything may stand.
    """
    if len(text) > LARGEST_MODULE:
        raise ValueError("generated code is too large")
    module = ast.parse(text)
    for statement in module.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        alias = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
        if not (docstring or alias or isinstance(statement, TOP_LEVEL)):
            raise ValueError(f"generated code runs something as it is imported: {ast.unparse(statement)[:80]}")
    used: set[str] = set()
    known = {*BUILTINS, *own}
    checked = [s for s in module.body if not (isinstance(s, ast.ClassDef) and s.name in own)]
    for node in (node for statement in checked for node in ast.walk(statement)):
        if isinstance(node, REFUSED):
            raise ValueError(f"generated code has a {type(node).__name__}")
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)
        elif isinstance(node, ast.Attribute):
            _check_attribute(node)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            known.add(node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            if ast.unparse(node) not in IMPORTS:
                raise ValueError(f"generated code has `{ast.unparse(node)}`")
            known.update(alias.asname or alias.name for alias in node.names)
    if used - known:
        raise ValueError(f"generated code uses {', '.join(sorted(used - known))}")


def _check_attribute(node: ast.Attribute) -> None:
    if isinstance(node.value, ast.Name) and node.value.id in OF_MODULES:
        if node.attr not in OF_MODULES[node.value.id]:
            raise ValueError(f"generated code uses {node.value.id}.{node.attr}")
    elif node.attr.startswith("_") and ast.unparse(node) != "super().__init__":
        raise ValueError(f"generated code uses .{node.attr}")
