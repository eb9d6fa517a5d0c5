"""The last look at generated code: nothing but classes of layers, whatever text they were made from.

Everything is listed that may be there; what is not listed is refused. A refusal is a fault of vnasdsl, never of a
user's text.
"""

from __future__ import annotations

import ast

from vnasdsl.codegen.names import BUILTINS

IMPORTS = frozenset({"import math", "import torch", "import torch.nn.functional as F", "from torch import Tensor, nn"})
STATEMENTS = (
    ast.Module, ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef, ast.Return, ast.Assign, ast.AnnAssign,
    ast.For, ast.If, ast.While, ast.Raise, ast.Expr, ast.Continue, ast.AugAssign,
    ast.Try,
)  # fmt: skip
EXPRESSIONS = (
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Dict, ast.ListComp, ast.DictComp, ast.GeneratorExp, ast.Compare,
    ast.Call, ast.FormattedValue, ast.JoinedStr, ast.Constant, ast.Attribute, ast.Subscript, ast.Starred, ast.Name,
    ast.List, ast.Tuple, ast.Slice,
)  # fmt: skip
PARTS = (ast.comprehension, ast.arguments, ast.arg, ast.keyword, ast.alias, ast.ExceptHandler)
LEAVES = frozenset(
    "ctx op ops id attr kind name asname arg module level conversion simple is_async type_comment".split()
)
"""Fields with signs (all of which are harmless), texts and numbers: there is nothing inside them."""
INSIDE = {kind: tuple(f for f in kind._fields if f not in LEAVES) for kind in (*STATEMENTS, *EXPRESSIONS, *PARTS)}
INSIDE[ast.Constant] = ()
"""What may be there, and where there is more inside of it: asking each node anew takes several times as long."""
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
    pending: list[ast.AST | None] = [s for s in module.body if not (isinstance(s, ast.ClassDef) and s.name in own)]
    while pending:
        node = pending.pop()
        if node is None:  # a part that may be left out
            continue
        kind = type(node)
        if kind not in INSIDE:
            raise ValueError(f"generated code has a {kind.__name__}")
        for field in INSIDE[kind]:
            value = getattr(node, field)
            if type(value) is list:
                pending += value
            else:
                pending.append(value)
        if kind is ast.Name:
            (used if isinstance(node.ctx, ast.Load) else known).add(node.id)  # type: ignore[attr-defined]
        elif kind is ast.Attribute:
            _check_attribute(node)  # type: ignore[arg-type]
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
