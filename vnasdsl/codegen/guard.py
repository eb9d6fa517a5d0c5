"""The last look at generated code: nothing but classes of layers, whatever text they were made from.

Everything is listed that may be there; what is not listed is refused. A refusal is a fault of vnasdsl, never of a
user's text.
"""

from __future__ import annotations

import ast

IMPORTS = frozenset({"import math", "import torch", "import torch.nn.functional as F", "from torch import Tensor, nn"})
BUILTINS = frozenset(
    """ValueError bool dict enumerate float int isinstance len list max next range reversed str sum super tuple
    zip""".split()
)
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
SIGNS = (ast.expr_context, ast.boolop, ast.operator, ast.unaryop, ast.cmpop)
KINDS = frozenset({*STATEMENTS, *EXPRESSIONS, *PARTS, *(kind for sign in SIGNS for kind in sign.__subclasses__())})
TOP_LEVEL = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
OF_MODULES = {
    "torch": frozenset("as_tensor finfo no_grad ones softmax stack zeros zeros_like".split()),
    "nn": frozenset(
        """AvgPool3d BatchNorm3d Conv3d Dropout Identity Linear MaxPool3d Module ModuleDict Parameter
        Sequential""".split()
    ),
    "F": frozenset({"hardswish", "relu"}),
    "math": frozenset(),
}
"""What generated code may take from the modules it imports."""
LARGEST_MODULE = 64 << 20


def check_code(text: str) -> None:
    """Raises: ValueError for anything that has no business there."""
    if len(text) > LARGEST_MODULE:
        raise ValueError("generated code is too large")
    module = ast.parse(text)
    for statement in module.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        alias = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name)
        if not (docstring or alias or isinstance(statement, TOP_LEVEL)):
            raise ValueError(f"generated code runs something as it is imported: {ast.unparse(statement)[:80]}")
    used: set[str] = set()
    known = set(BUILTINS)
    for node in ast.walk(module):
        kind = type(node)
        if kind not in KINDS:
            raise ValueError(f"generated code has a {kind.__name__}")
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
