"""The synthetic sets: made once on disk, then read like a downloaded set by the reader of its layout.

"synthetic" (motions) and "periods" are made in a cache folder (`$VNASDSL_DATA`, else `~/.cache/vnasdsl/`) with the
default size; "synthetic:DIR" is what `vnasdsl data synthetic DIR` has made.
"""

from __future__ import annotations

import os
from pathlib import Path

from vnasdsl.data.layouts import kinetics, ucf101
from vnasdsl.data.videos import DataSet
from vnasdsl.language.diagnostics import UserError

READERS = {"ucf101": ucf101.read, "kinetics": kinetics.read}


def read(spec: str, place: str, split: int) -> DataSet:
    from vnasdsl.data.synthetic.settings import MARKER, Settings, read_marker

    settings = Settings.default("periods" if spec.startswith("periods") else "motions")
    folder = Path(place).expanduser() if place else cache_root() / settings.folder_name()
    if not (folder / MARKER).is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(
                f"`{folder}` holds other files than a synthetic set",
                "name a new or empty folder, or read these files as `ucf101:`, `kinetics:` or `folder:`",
            )
        if place:
            raise UserError(f"there is no synthetic set in `{place}`", f"make it: vnasdsl data synthetic {place}")
        from vnasdsl.data.synthetic.make import make

        make(folder, settings)
    return READERS[read_marker(folder).layout](spec, str(folder), split)


def cache_root() -> Path:
    named = os.environ.get("VNASDSL_DATA")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "vnasdsl"
