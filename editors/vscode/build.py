"""Builds the extension: the TextMate grammar from the compiler's own words, and the .vsix, which is a zip.

`python build.py [--out DIR]` packs; `python build.py --grammar` writes the grammar. No network: the client library is
bundled when `npm install --omit=dev` has put it into node_modules.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

HERE = Path(__file__).resolve().parent
FILES = ("package.json", "extension.js", "language-configuration.json", "syntaxes/vns.tmLanguage.json", "README.md")
LICENSE = HERE.parent.parent / "LICENSE"
TYPES = {
    ".json": "application/json", ".js": "application/javascript", ".md": "text/markdown", ".txt": "text/plain",
    ".vsixmanifest": "text/xml", ".ts": "text/plain", ".map": "application/json", ".mjs": "application/javascript",
    ".cjs": "application/javascript",
}  # fmt: skip
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the same files give the same bytes."""


# ----------------------------------------------------------------------- grammar


def grammar() -> dict[str, Any]:
    """The TextMate grammar."""
    from vnasdsl.vocabulary import DIMS, KEYWORDS, LAYERS, NUMBER, OPERATORS, RECIPES, WORDS

    def word(names: tuple[str, ...]) -> str:
        return rf"\b(?:{'|'.join(names)})\b"

    def sign(text: str) -> str:
        return "".join(char if char.isalnum() or char in "-<>=!" else "\\" + char for char in text)

    name = r"[A-Za-z_]\w*"
    apart = r"(?<!\w)"  # the digit of `n6` is no number
    patterns = [
        {"name": "comment.line.number-sign.vns", "match": r"#.*$"},
        {
            "name": "string.quoted.double.vns",
            "begin": '"',
            "end": '"|$',
            "patterns": [{"name": "constant.character.escape.vns", "match": r"\\."}],
        },
        {
            "match": rf"\b({'|'.join(RECIPES)})\s+({name})(?=\s+for\b)",
            "captures": {"1": {"name": "keyword.other.recipe.vns"}, "2": {"name": "entity.name.type.recipe.vns"}},
        },
        {
            "match": rf"\b(block)\s+({name})",
            "captures": {"1": {"name": "keyword.other.vns"}, "2": {"name": "entity.name.function.vns"}},
        },
        {
            "match": rf"\b(space|network|stage)\s+({name})",
            "captures": {"1": {"name": "keyword.other.vns"}, "2": {"name": "entity.name.type.vns"}},
        },
        {"name": "keyword.other.vns", "match": word(KEYWORDS)},
        {"name": "constant.language.vns", "match": word(WORDS)},
        {"name": "support.function.layer.vns", "match": word(LAYERS)},
        {"match": rf"({name}(?:\.{name})*)\s*(?==(?!=))", "captures": {"1": {"name": "variable.parameter.vns"}}},
        {"name": "entity.name.function.call.vns", "match": rf"{name}(?=\s*\()"},
        {"name": "constant.numeric.size.vns", "match": apart + DIMS},
        {"name": "constant.numeric.vns", "match": apart + NUMBER},
        {"name": "keyword.operator.vns", "match": "|".join(sign(text) for text in OPERATORS)},
    ]
    return {
        "information_for_contributors": ["Written by editors/vscode/build.py --grammar: do not edit."],
        "name": "vnasdsl",
        "scopeName": "source.vns",
        "patterns": patterns,
    }


def grammar_text() -> str:
    return json.dumps(grammar(), indent=2) + "\n"


# -------------------------------------------------------------------------- vsix


def manifest(package: dict[str, Any]) -> str:
    """extension.vsixmanifest."""
    tags = ",".join(["vns", *package["keywords"]])
    return f"""<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id={quoteattr(package["name"])} Version={quoteattr(package["version"])} \
Publisher={quoteattr(package["publisher"])}/>
    <DisplayName>{escape(package["displayName"])}</DisplayName>
    <Description xml:space="preserve">{escape(package["description"])}</Description>
    <Tags>{escape(tags)}</Tags>
    <Categories>{escape(",".join(package["categories"]))}</Categories>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value={quoteattr(package["engines"]["vscode"])}/>
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
    </Properties>
    <License>extension/LICENSE.txt</License>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.Details" Path="extension/README.md" Addressable="true"/>
    <Asset Type="Microsoft.VisualStudio.Services.Content.License" Path="extension/LICENSE.txt" Addressable="true"/>
  </Assets>
</PackageManifest>
"""


def content_types(names: list[str]) -> str:
    """[Content_Types].xml: a type for every ending that occurs."""
    endings = sorted({Path(name).suffix for name in names} - {""})
    lines = [
        f'  <Default Extension="{ending}" ContentType="{TYPES.get(ending, "application/octet-stream")}"/>'
        for ending in endings
    ]
    # Files without an ending need an entry of their own.
    bare = [name for name in names if not Path(name).suffix]
    lines += [f'  <Override PartName={quoteattr("/" + name)} ContentType="text/plain"/>' for name in bare]
    head = '<?xml version="1.0" encoding="utf-8"?>'
    space = "http://schemas.openxmlformats.org/package/2006/content-types"
    return "\n".join([head, f'<Types xmlns="{space}">', *lines, "</Types>", ""])


def contents() -> Iterator[tuple[str, bytes]]:
    """Name in the package and bytes of every file of the extension."""
    for name in FILES:
        yield f"extension/{name}", (HERE / name).read_bytes()
    yield "extension/LICENSE.txt", LICENSE.read_bytes()
    modules = HERE / "node_modules"
    for path in sorted(modules.rglob("*")) if modules.is_dir() else ():
        if path.is_file() and ".bin" not in path.parts:
            yield f"extension/{path.relative_to(HERE).as_posix()}", path.read_bytes()


def build(out: Path) -> Path:
    """Write the .vsix and give back its path."""
    package = json.loads((HERE / "package.json").read_text(encoding="utf-8"))
    files = dict(contents())
    files["extension.vsixmanifest"] = manifest(package).encode()
    files = {"[Content_Types].xml": content_types(sorted(files)).encode(), **dict(sorted(files.items()))}
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{package['name']}-{package['version']}.vsix"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "dist")
    parser.add_argument("--grammar", action="store_true", help="write the TextMate grammar and stop")
    options = parser.parse_args()
    if options.grammar:
        (HERE / "syntaxes" / "vns.tmLanguage.json").write_text(grammar_text(), encoding="utf-8")
        return
    if not (HERE / "node_modules" / "vscode-languageclient").is_dir():
        print("without node_modules: run `npm install --omit=dev` first for a package that can start", file=sys.stderr)
    print(build(options.out))


if __name__ == "__main__":
    main()
