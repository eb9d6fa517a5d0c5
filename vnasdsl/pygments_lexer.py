"""Colours for .vns texts wherever Pygments makes them: documentation, notebooks, `rich`. Alias `vns`."""

from __future__ import annotations

from typing import Any, ClassVar

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from vnasdsl.vocabulary import DIMS, KEYWORDS, LAYERS, NUMBER, OPERATORS, RECIPES, WORDS


class VnsLexer(RegexLexer):
    """Lexer for the language of vnasdsl; its lists of words are the compiler's own."""

    name = "vnasdsl"
    aliases: ClassVar[list[str]] = ["vns"]
    filenames: ClassVar[list[str]] = ["*.vns"]
    mimetypes: ClassVar[list[str]] = ["text/x-vns"]

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"\s+", Whitespace),
            (r"#.*", Comment.Single),
            (r'"(?:[^"\\\n]|\\.)*"', String.Double),
            (rf"({'|'.join(RECIPES)})(\s+)([A-Za-z_]\w*)(?=\s+for\b)", bygroups(Keyword.Declaration, Whitespace, Name)),
            (r"(block|space|network|stage|input)(\s+)([A-Za-z_]\w*)", bygroups(Keyword, Whitespace, Name.Class)),
            (words(KEYWORDS, prefix=r"\b", suffix=r"\b"), Keyword),
            (words(WORDS, prefix=r"\b", suffix=r"\b"), Keyword.Constant),
            (words(LAYERS, prefix=r"\b", suffix=r"\b"), Name.Builtin),
            (r"([A-Za-z_][\w.]*)(\s*)(=)(?!=)", bygroups(Name.Attribute, Whitespace, Operator)),
            (r"[A-Za-z_]\w*(?=\s*\()", Name.Function),
            (r"[A-Za-z_]\w*", Name),
            (DIMS, Number.Hex),
            (NUMBER, Number),
            (words(OPERATORS), Operator),
            (r"[(){}\[\],:.]", Punctuation),
        ]
    }
