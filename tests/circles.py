#!/usr/bin/env python3
"""Import circles between the files of each crate: prints and fails on those larger than a limit.

usage: circles.py [--most N] [--folder FOLDER] [CRATE=N...]

A file imports another one when it names something that lies there: in a `use`, or as a path in the text
(`crate::a::b::f`, `super::x`, `child::f`). The file of the longest module in the path counts. Declaring a module
(`mod x;`) is no import, and what stands under #[cfg(test)] does not count: it ships nothing. Files that import each
other, in however many steps, can only be read, moved and tested together; that is a circle.
"""
import argparse
import pathlib
import re
import sys

SKIP = re.compile(
    r"""//[^\n]*                              # line comment
      | r(?P<hash>\#*)".*?"(?P=hash)          # raw string
      | "(?:\\.|[^"\\])*"                     # string
      | '(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'])'   # character
    """,
    re.X | re.S,
)
BLOCK = re.compile(r"/\*.*?\*/", re.S)
INLINE_MOD = re.compile(r"(?P<attributes>(?:#\[[^\]]*\]\s*)*)(?:pub(?:\([^)]*\))?\s+)?mod\s+(?P<name>\w+)\s*\{")
MOD = re.compile(r'(?:#\[path\s*=\s*"(?P<path>[^"]+)"\]\s*)?(?:pub(?:\([^)]*\))?\s+)?\bmod\s+(?P<name>\w+)\s*;')
TEST_MOD = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*;")
MACRO = re.compile(r"#\[macro_export\]\s*macro_rules!\s*(\w+)")
USE = re.compile(r"(?P<public>\bpub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
PATH = re.compile(r"(?<![\w:.'])((?:crate|super|self|[a-z_]\w*)(?:\s*::\s*\w+)+)")


def code(text):
    """The text without comments, and with empty strings."""
    return SKIP.sub(lambda m: '""' if m[0][0] in '"r' else " ", BLOCK.sub(" ", text))


def end_of_block(text, start):
    """Behind the brace that closes the one at `start`."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "{":
            depth += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at + 1
    return len(text)


def tree(text):
    """The paths of a use tree: `a::{b, c as d}` gives `a::b` and `a::c as d`."""
    text = text.strip()
    brace = text.find("{")
    if brace < 0:
        path, _, name = re.sub(r"\s+", " ", text).partition(" as ")
        yield path.replace(" ", "") + (f" as {name}" if name else "")
        return
    head, inner, depth, piece = re.sub(r"\s", "", text[:brace]), text[brace + 1 : text.rfind("}")], 0, ""
    for c in inner + ",":
        depth += (c == "{") - (c == "}")
        if c == "," and depth == 0:
            for path in tree(piece) if piece.strip() else ():
                yield head + path
            piece = ""
        else:
            piece += c


class Crate:
    """The modules that are reached from one root."""

    def __init__(self, root):
        self.file = {}  # a module's path, as a tuple, -> its file
        self.children = {}  # a module -> names declared in it
        self.imports = {}  # a file -> files
        self.macros = {}  # an exported macro, which everybody finds in the root -> its file
        self.handed_on = {}  # a name in a module -> (module, path) that it stands for
        self.source = []  # (module, text without inline modules)
        self.walk((), root, root.parent)
        for module, text in self.source:
            self.exports(module, text)
        for module, text in self.source:
            self.read(module, text)

    def walk(self, module, file, folder):
        raw = file.read_text()
        # A path attribute stands in a string.
        shipped = TEST_MOD.sub("", BLOCK.sub(" ", re.sub(r"//[^\n]*", "", raw)))
        declared = {m["name"]: m["path"] for m in MOD.finditer(shipped)}
        self.file[module] = file
        self.imports.setdefault(file, set())
        self.macros.update((name, file) for name in MACRO.findall(raw))
        self.inline(module, TEST_MOD.sub("", code(raw)), declared)
        for name, path in declared.items():
            if path:
                found = [file.parent / path]
            else:
                found = [folder / f"{name}.rs", folder / name / "mod.rs"]
            for candidate in found:
                if candidate.is_file():
                    self.walk(module + (name,), candidate, folder / name)

    def inline(self, module, text, declared):
        """Take modules with a body out; those for tests are dropped."""
        self.children.setdefault(module, set()).update(declared)
        while found := INLINE_MOD.search(text):
            end = end_of_block(text, found.end() - 1)
            if "cfg(test)" not in found["attributes"]:
                inner = module + (found["name"],)
                self.file[inner] = self.file[module]
                self.children[module].add(found["name"])
                self.inline(inner, text[found.end() : end - 1], {})
            text = text[: found.start()] + text[end:]
        self.source.append((module, text))

    def exports(self, module, text):
        """Remember what `pub use` hands on: whoever names it there means the file, or the crate, it comes from."""
        for use in USE.finditer(text):
            if not use["public"]:
                continue
            for path in tree(use["tree"]):
                names, _, name = path.partition(" as ")
                self.handed_on[module + (name or names.split("::")[-1],)] = (module, names.split("::"))

    def read(self, module, text):
        rest = USE.sub(" ", text)
        paths = [re.sub(r"\s", "", m[1]) for m in PATH.finditer(rest)]
        for use in USE.finditer(text):
            for path in tree(use["tree"]):
                names, _, name = path.partition(" as ")
                name = name or names.split("::")[-1]
                # What is only handed on is not used here.
                if not use["public"] or name == "*" or re.search(rf"\b{name}\b", rest):
                    paths.append(names)
        for path in paths:
            target = self.resolve(module, path.split("::"))
            if target and target != self.file[module]:
                self.imports[self.file[module]].add(target)

    def resolve(self, module, names, seen=()):
        """The file in which a path ends; None for what lies outside of the crate."""
        if names[0] == "crate":
            at, names = (), names[1:]
        elif names[0] in ("super", "self"):
            at = module
        elif names[0] in self.children[module]:
            at = module
        else:
            return None
        while names and names[0] in ("super", "self"):
            at = at[:-1] if names[0] == "super" else at
            names = names[1:]
        while names and at + (names[0],) in self.file:
            at, names = at + (names[0],), names[1:]
        if not at and names and names[0] in self.macros:
            return self.macros[names[0]]
        if names and at + (names[0],) in self.handed_on:
            back, path = self.handed_on[at + (names[0],)]
            if (back, path) not in seen:
                return self.resolve(back, path + names[1:], seen + ((back, path),))
        return self.file.get(at)


def circles(imports):
    """Strongly connected components of more than one file (Tarjan's algorithm, without recursion)."""
    number, low, stack, on, found = {}, {}, [], set(), []
    for start in sorted(imports):
        if start in number:
            continue
        work = [(start, iter(sorted(imports[start])))]
        number[start] = low[start] = len(number)
        stack.append(start)
        on.add(start)
        while work:
            node, rest = work[-1]
            for to in rest:
                if to not in number:
                    number[to] = low[to] = len(number)
                    stack.append(to)
                    on.add(to)
                    work.append((to, iter(sorted(imports[to]))))
                    break
                if to in on:
                    low[node] = min(low[node], number[to])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    ring = []
                    while not ring or ring[-1] != node:
                        ring.append(stack.pop())
                        on.discard(ring[-1])
                    if len(ring) > 1:
                        found.append(sorted(ring))
    return sorted(found, key=len, reverse=True)


def roots(folder):
    for manifest in sorted(folder.glob("*/Cargo.toml")) + sorted(folder.glob("Cargo.toml")):
        source = manifest.parent / "src"
        yield from (p for p in (source / "lib.rs", source / "main.rs") if p.is_file())
        yield from sorted(source.glob("bin/*.rs"))
        yield from sorted(source.glob("bin/*/main.rs"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--most", type=int, default=0, metavar="N", help="files in the largest circle that passes")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."), help="the workspace")
    parser.add_argument("larger", nargs="*", metavar="CRATE=N", help="crates with a limit of their own")
    options = parser.parse_args()
    own = {crate: int(n) for crate, n in (word.split("=") for word in options.larger)}
    largest, bad = {}, False
    for root in roots(options.folder):
        name = root.relative_to(options.folder).parts[0]
        crate = Crate(root)
        largest.setdefault(name, 0)
        for ring in circles(crate.imports):
            largest[name] = max(largest[name], len(ring))
            most = own.get(name, options.most)
            if len(ring) <= most:
                continue
            bad = True
            print(f"circles: {name}: {len(ring)} files import each other, {most} may:")
            for file in ring:
                others = sorted(str(o.relative_to(root.parent)) for o in crate.imports[file] if o in ring)
                print(f"    {file.relative_to(root.parent)} -> {' '.join(others)}")
    if not largest:
        sys.exit(f"circles: no crate below {options.folder}")
    for name, most in own.items():
        if (now := largest.get(name, 0)) < most:
            print(f"circles: {name}: the largest circle has {now} files now; lower its limit of {most}")
    return bad


if __name__ == "__main__":
    sys.exit(main())
