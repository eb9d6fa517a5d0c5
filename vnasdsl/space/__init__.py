"""A space as a tree of layer calls and choices, and everything that is read from one walk over all its networks.

- `elements`: the tree. `parts`, `reads`: what is below an element, which lines it reads. `deferred`: calls with more
  combinations of values than are written out. `values`: arguments and expressions.
- `evaluate`: the walk, state by state (`states`, `flow`); `shapes` is the walk with shapes and faults. It gives `ways`,
  all networks as one shared expression.
- Read from the ways: `costs` (least and greatest, with a network that has them), `counting` (how many, and drawing).
- `bounds`: which costs are exact. `limits`: `require` lines. `decisions`: a choice as one network meets it.
  `restrict`: `--fix`.
"""
