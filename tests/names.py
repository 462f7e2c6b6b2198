#!/usr/bin/env python3
"""Type names with two meanings in one crate's reach: prints them and fails.

usage: names.py [--folder FOLDER]

A crate reaches its own types and the public ones of the crates of the workspace that it depends on, in however many steps. A name
that two files define there makes a reader ask which one is meant. A crate that only src/main.rs names is the program's and not the
library's, whose types never meet it. What stands below #[cfg(test)] does not count, nor an
alias that gives a type of that name its parameters (`type Events = keep::Events<Woken>`), nor what a function or an impl
has for itself.
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


def of_the_program(folder, crate):
    """Whether only the entry point of a program names the crate."""
    word = re.compile(rf"\b{crate.replace('-', '_')}::")
    naming = [file for file in folder.rglob("*.rs") if word.search(file.read_text())]
    return naming == [folder / "main.rs"] and (folder / "lib.rs").exists()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("."), help="the workspace")
    options = parser.parse_args()
    uses, defines = {}, {}
    for manifest in sorted(options.folder.glob("uswgi-*/Cargo.toml")):
        crate = manifest.parent.name
        all_uses = [name for name in tomllib.loads(manifest.read_text()).get("dependencies", {}) if name.startswith("uswgi-")]
        uses[crate] = [name for name in all_uses if not of_the_program(manifest.parent / "src", name)]
        defines[crate] = types(manifest.parent / "src")
    if not defines:
        sys.exit(f"names: no crate below {options.folder}")

    def reach(crate):
        return {crate}.union(*(reach(other) for other in uses[crate] if other in uses))

    doubles = 0
    for crate in sorted(defines):
        everywhere = collections.defaultdict(list)
        for other in sorted(reach(crate)):
            for name, files in defines[other].items():
                everywhere[name] += [f"{other}/{file}" for file, public in sorted(files) if public or other == crate]
        for name, files in sorted(everywhere.items()):
            # Where none of them is the crate's own, a crate below has it already, or nobody meets both.
            if len(files) > 1 and name in defines[crate]:
                doubles += 1
                print(f"names: {crate}: {name} is defined in {' and '.join(files)}; give one its matter's name")
    return bool(doubles)


if __name__ == "__main__":
    sys.exit(main())
