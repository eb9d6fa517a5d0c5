"""Execute docs/tour.ipynb and write it with what comes out.

python docs/notebook.py
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parent / "tour.ipynb"


def execute() -> nbformat.NotebookNode:
    """The notebook with new outputs, run in a folder of its own. Raises: CellExecutionError."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    paths = [str(NOTEBOOK.parent.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    with TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=540, resources={"metadata": {"path": folder}}, record_timing=False).execute()
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return notebook


if __name__ == "__main__":
    nbformat.write(execute(), NOTEBOOK)
