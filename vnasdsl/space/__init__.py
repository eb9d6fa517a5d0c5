"""A space as a tree of layer calls and choices, and everything that is read from one walk over all its networks.

- `elements`: the tree. `parts`, `reads`: what is below an element, which lines it reads. `values`: arguments and
  expressions.
- `evaluate`: the walk, state by state (`states`); `shapes` is the walk with shapes and faults. It gives `ways`, all
  networks as one shared expression, from which costs, numbers (`counting`) and draws are read.
- `requirements`: `require` lines. `decisions`: a choice as one network meets it. `restrict`: `--fix`.
"""
