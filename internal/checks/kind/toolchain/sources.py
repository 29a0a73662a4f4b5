"""Reads sources as JSON lines [path, text] and writes what is wrong as JSON lines. Parses; runs nothing."""

import ast
import json
import sys
import warnings

warnings.simplefilter("ignore")
mode = sys.argv[1]


def public(name):
    return not name.startswith("_") or name == "__init__"


def functions(body, within=""):
    for n in body:
        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield within, n
        elif isinstance(n, ast.ClassDef):
            if not n.name.startswith("_"):
                yield from functions(n.body, within + n.name + ".")
        elif isinstance(n, (ast.If, ast.Try)):
            yield from functions(n.body, within)
            yield from functions(getattr(n, "orelse", []), within)


def classes(body):
    return [n for n in body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]


def decorated(fn, *names):
    for d in fn.decorator_list:
        d = d.func if isinstance(d, ast.Call) else d
        if getattr(d, "id", getattr(d, "attr", "")) in names:
            return True
    return False


def untyped(within, fn):
    args = fn.args.posonlyargs + fn.args.args
    if within and not decorated(fn, "staticmethod"):
        args = args[1:]
    args = args + fn.args.kwonlyargs + [a for a in (fn.args.vararg, fn.args.kwarg) if a]
    bare = [a.arg for a in args if a.annotation is None]
    if fn.returns is None and fn.name != "__init__":
        bare.append("return")
    return bare


def tell(path, line, text):
    print(json.dumps({"file": path, "line": line, "text": text}))


files = looked = 0
for line in sys.stdin:
    path, text = json.loads(line)
    try:
        tree = ast.parse(text, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        tell(path, getattr(e, "lineno", 0) or 0, "syntax: " + str(getattr(e, "msg", e)))
        files += 1
        continue
    files += 1
    if mode == "compile":
        looked += 1
        continue
    if mode == "docs":
        if tree.body:
            looked += 1
            if not ast.get_docstring(tree):
                tell(path, 1, "the module has no docstring")
        for c in classes(tree.body):
            looked += 1
            if not ast.get_docstring(c):
                tell(path, c.lineno, "class %s has no docstring" % c.name)
    for within, fn in functions(tree.body):
        if not public(fn.name) or decorated(fn, "overload"):
            continue
        if mode == "types":
            looked += 1
            bare = untyped(within, fn)
            if bare:
                tell(path, fn.lineno, "%s%s declares no type for %s" % (within, fn.name, ", ".join(bare)))
        elif mode == "docs" and fn.name != "__init__" and not decorated(fn, "setter", "override"):
            looked += 1
            if not ast.get_docstring(fn):
                tell(path, fn.lineno, "%s%s has no docstring" % (within, fn.name))
print(json.dumps({"files": files, "looked": looked, "version": "%d.%d.%d" % sys.version_info[:3]}))
