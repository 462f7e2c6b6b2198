#!/usr/bin/env python3
"""Type names with two meanings in one crate's reach: prints and fails on those that are not in a list.

usage: names.py [--folder FOLDER] [--known FILE]

A crate reaches its own types and the public ones of the crates of the workspace that it depends on, in however many steps. A name
that two files define there makes a reader ask which one is meant. What stands below #[cfg(test)] does not count, nor an
alias that gives a type of that name its parameters (`type Events = keep::Events<Woken>`), nor what a function or an impl
has for itself. A line of the list is a crate and a name; one that is no longer needed is named.
"""
import argparse
import collections
import pathlib
import re
import sys
import tomllib

TYPE = re.compile(r"^(pub |pub\([^)]*\) |)(?:struct|enum|union|trait|type) ([A-Z]\w*)([^\n]*)", re.M)

TEST_MOD = re.compile(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;")


def types(folder):
    """Each type's name and the files that define it, of the sources below a folder; whether it is public there."""
    found, files = collections.defaultdict(set), sorted(folder.rglob("*.rs"))
    tests = {"tests"}.union(*(TEST_MOD.findall(file.read_text()) for file in files))
    for file in files:
        relative = file.relative_to(folder)
        if tests & set(relative.with_suffix("").parts):
            continue
        text = re.split(r"^#\[cfg\(test\)\]\n(?:pub(?:\([^)]*\))? )?mod \w+ \{", file.read_text(), flags=re.M)[0]
        for public, name, rest in TYPE.findall(text):
            if not re.search(rf"=.*\b{name}<", rest):
                found[name].add((str(relative), public == "pub "))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."), help="the workspace")
    parser.add_argument("--known", type=pathlib.Path, help="doubles that stay")
    options = parser.parse_args()
    uses, defines = {}, {}
    for manifest in sorted(options.folder.glob("uswgi-*/Cargo.toml")):
        crate = manifest.parent.name
        uses[crate] = [name for name in tomllib.loads(manifest.read_text()).get("dependencies", {}) if name.startswith("uswgi-")]
        defines[crate] = types(manifest.parent / "src")
    if not defines:
        sys.exit(f"names: no crate below {options.folder}")

    def reach(crate):
        return {crate}.union(*(reach(other) for other in uses[crate] if other in uses))

    known = set()
    if options.known:
        lines = options.known.read_text().splitlines()
        known = {tuple(line.split()[:2]) for line in lines if line.strip() and not line.startswith("#")}
    doubles = set()
    for crate in sorted(defines):
        everywhere = collections.defaultdict(list)
        for other in sorted(reach(crate)):
            for name, files in defines[other].items():
                everywhere[name] += [f"{other}/{file}" for file, public in sorted(files) if public or other == crate]
        for name, files in sorted(everywhere.items()):
            # Where none of them is the crate's own, a crate below has it already, or nobody meets both.
            if len(files) > 1 and name in defines[crate]:
                doubles.add((crate, name))
                if (crate, name) not in known:
                    print(f"names: {crate}: {name} is defined in {' and '.join(files)}; give one its matter's name")
    for crate, name in sorted(known - doubles):
        print(f"names: {crate} {name} is no double any more; take it out of {options.known}")
    return bool(doubles - known)


if __name__ == "__main__":
    sys.exit(main())
