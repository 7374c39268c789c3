"""The messages in the product's code: what it raises, answers and prints, and what it logs as wrong."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from fairmind_sync import errors
from tests.support.documents import CODE

_SAID_BY = {"HTTPException", "ValueError", "BadParameter", "fail", "problem", "Dead", "Retry"}
"""What tells a reader something, besides our own errors."""
_LOGGED_BY = {"warning", "error", "exception"}
_MAKE_SENTENCES = ("providers/tls.py", "providers/proxy.py", "providers/mlflow/strangers.py")
"""Files that say what they find, for others to raise."""


@cache
def _trees() -> dict[str, ast.Module]:
    return {
        str(file.relative_to(CODE)): ast.parse(file.read_text(encoding="utf-8"))
        for file in sorted(CODE.rglob("*.py"))
    }


@cache
def _nodes() -> list[ast.AST]:
    return [node for tree in _trees().values() for node in ast.walk(tree)]


@cache
def messages() -> set[str]:
    """Each message, with '…' in the place of what it fills in; those of less than two own words left out."""
    classes = {node.name for node in _nodes() if isinstance(node, ast.ClassDef)}
    tellers = {name for name in classes if name.endswith("Error")} | _SAID_BY
    found = {*_first_texts(tellers), *_raised_without_a_message(), *_sentences()}
    return {text for text in found if len(re.findall(r"[A-Za-z]{2,}", text)) > 1}


@cache
def events() -> set[str]:
    """The names of what is logged as a warning or an error."""
    found = _first_texts(_LOGGED_BY)
    return {text for text in found if re.fullmatch(r"[a-z]+\.[a-z_]+", text)}


def _first_texts(called: set[str]) -> Iterator[str]:
    """The first literal text that each call of one of the names is given, itself or by a name."""
    for tree in _trees().values():
        named = _named_texts(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in called:
                texts = (
                    [_literal(one)] if _literal(one) else named[ast.unparse(one)]
                    for one in node.args
                )
                yield from next(filter(None, texts), [])


def _named_texts(tree: ast.Module) -> defaultdict[str, list[str]]:
    """The literal texts that a file gives a name, by that name."""
    found = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and (text := _literal(node.value)):
            found[ast.unparse(node.targets[0])].append(text)
    return found


def _name(called: ast.expr) -> str:
    """What is called or raised, without the object before it."""
    return ast.unparse(called).rpartition(".")[2]


def _raised_without_a_message() -> Iterator[str]:
    """What an error says then is what its class says of itself."""
    for node in _nodes():
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name):
            kind = getattr(errors, node.exc.id, None)
            if kind is not None:
                yield " ".join(inspect.cleandoc(kind.__doc__).split())


def _sentences() -> Iterator[str]:
    for tree in (_trees()[file] for file in _MAKE_SENTENCES):
        nodes = list(ast.walk(tree))
        parts = {
            id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values
        }
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            text = _literal(node)
            if text.endswith(".") and id(node) not in parts | docstrings:
                yield text


def _literal(node: ast.AST) -> str:
    """A node's text on one line, without what is filled in; empty where there is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = re.sub(r"\{\w+\}", "…", node.value)
    elif isinstance(node, ast.JoinedStr):
        text = "".join(
            str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values
        )
    else:
        text = _literal(node.left) if isinstance(node, ast.BinOp) else ""
    return " ".join(text.split())
