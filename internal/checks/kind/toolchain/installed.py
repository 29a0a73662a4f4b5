"""Reads declared requirements as lines and writes which are not installed here, as JSON. Needs no pip."""

import json
import re
import sys
from importlib import metadata


def key(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def version(text):
    return [int(n) for n in re.findall(r"\d+", text.split("+")[0])]


def ok(have, op, want):
    h, w = version(have), version(want.replace(".*", ""))
    n = max(len(h), len(w))
    if op in ("==", "===") and want.endswith(".*"):
        return h[: len(w)] == w
    hp, wp = h + [0] * (n - len(h)), w + [0] * (n - len(w))
    if op == "~=":
        return hp >= wp and h[: len(w) - 1] == w[: len(w) - 1]
    return {"==": hp == wp, "===": hp == wp, ">=": hp >= wp, "<=": hp <= wp, ">": hp > wp, "<": hp < wp, "!=": hp != wp}[op]


declared, missing, wrong = 0, [], []
for line in sys.stdin:
    line = line.split("#")[0].split(";")[0].strip()
    m = re.match(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*(.*)$", line)
    if not m or "@" in line or "://" in line:
        continue
    declared += 1
    try:
        have = metadata.version(m.group(1))
    except metadata.PackageNotFoundError:
        missing.append(key(m.group(1)))
        continue
    for op, want in re.findall(r"(===|==|>=|<=|~=|!=|>|<)\s*([^,\s)]+)", m.group(3)):
        if not ok(have, op, want):
            wrong.append("%s %s is installed, %s%s is declared" % (key(m.group(1)), have, op, want))
print(json.dumps({"declared": declared, "missing": missing, "wrong": wrong, "version": sys.version.split()[0], "apart": sys.prefix != sys.base_prefix}))
