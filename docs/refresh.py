"""Rewrites in README.md and docs/*.md what is made by running: ``python docs/refresh.py [FILE ...]``.

That is the output of the examples, and the tables that are made from the code. Output that agrees already is rewritten
too, so that all digits are of one run; output with ``...`` in it is kept where it agrees, and printed for its author to
edit where it does not. Read the diff before you keep it.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import doc_examples

_BLOCK = re.compile(r"^(```(console|python)\n|<!-- *invisible-code-block: (python)\n)(.*?)(^```$|^-->$)", re.M | re.S)


def refresh(path: Path) -> bool:
    """Rewrites one document; says whether it changed."""
    before = path.read_text(encoding="utf-8")
    namespace: dict[str, Any] = {"__name__": "__test__"}
    doc_examples.set_up(namespace)
    try:
        after = doc_examples.with_tables(_BLOCK.sub(lambda match: _refreshed(match, namespace), before))
    finally:
        doc_examples.tear_down(namespace)
    path.write_text(after, encoding="utf-8")
    return after != before


def _refreshed(match: re.Match[str], namespace: dict[str, Any]) -> str:
    opening, language, _, block, closing = match.groups()
    if language == "console":
        block = doc_examples.refreshed_block(block, namespace["_session"])
    elif ">>> " in block:
        block = _refreshed_doctest(block, namespace)
    else:
        exec(compile(block, "example", "exec"), namespace)
    return opening + block + closing


def _refreshed_doctest(block: str, namespace: dict[str, Any]) -> str:
    text = ""
    for part in doctest.DocTestParser().parse(block):
        if isinstance(part, str):
            text += part
            continue
        got = _printed(part.source, namespace)
        checker = doctest.OutputChecker()
        agrees = checker.check_output(part.want, got, doctest.ELLIPSIS) or part.exc_msg is not None
        source = "".join(f"{'>>> ' if i == 0 else '... '}{line}\n" for i, line in enumerate(part.source.splitlines()))
        text += source + (part.want if agrees else re.sub(r"^$\n", "<BLANKLINE>\n", got, flags=re.M))
    return text


def _printed(source: str, namespace: dict[str, Any]) -> str:
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        try:
            exec(compile(source, "example", "single"), namespace)
        except Exception:  # an example may show an error: its text is the author's
            traceback.print_exc(limit=0, file=stream)
    return stream.getvalue()


def main() -> None:
    """Refreshes the documents named on the command line, or all."""
    for path in [Path(name).resolve() for name in sys.argv[1:]] or doc_examples.DOCUMENTS:
        print(f"{'refreshed' if refresh(path) else 'unchanged'}  {path.relative_to(doc_examples.ROOT)}")


if __name__ == "__main__":
    main()
