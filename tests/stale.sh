#!/usr/bin/env bash
# Fails when a file made by a generator differs from what the generator makes now, or when a text holds
# what must never be in the repository.
set -euo pipefail
cd "$(dirname "$0")/.."
fail=0
say() { echo "stale: $*" >&2; fail=1; }

# Cargo.lock belongs to the Cargo.toml files.
cargo metadata --locked --format-version 1 >/dev/null || say "Cargo.lock does not fit the Cargo.toml files; run cargo check and commit it"

# Man pages and completions belong to the tables they are made from.
cargo run -q -p uswgi-man -- --check || say "man pages or completions; run: cargo run -p uswgi-man"

# Every local link of a Markdown file points at something.
while IFS=: read -r file link; do
    target="${link%%#*}"
    [ -z "$target" ] || [ -e "$(dirname "$file")/$target" ] || say "$file links to $target, which does not exist"
done < <(git ls-files '*.md' | while read -r f; do
    grep -oE '\]\([^)]+\)' "$f" 2>/dev/null | sed -e 's/^](//' -e 's/)$//' | grep -vE '^(https?|mailto):' | sed "s|^|$f:|" || true
done)

# The module does not link libpython, so nothing in it can run under `cargo test`: a test there proves nothing.
if git grep -nE '#\[(cfg\(test\)|test)\]' -- uswgi-worker/src ':!uswgi-worker/src/bin' >&2; then
    say "tests in uswgi-worker/src never run; put what needs no Python into uswgi-serve, the rest into tests/system"
fi

# Rust files stay readable: 400 lines, but for the tables and the files of the list, which get no longer.
while read -r lines file; do
    case "$file" in
        total|uswgi-conf/src/options/*) continue ;;
    esac
    most=$(awk -v file="$file" '$2 == file { print $1 }' tests/long-files.txt)
    if [ "$lines" -gt "${most:-400}" ]; then
        say "$file has $lines lines, ${most:-400} are allowed (tests/long-files.txt); split it by matter"
    elif [ -n "$most" ] && [ "$lines" -le 400 ]; then
        echo "stale: note: $file has $lines lines now; take it out of tests/long-files.txt" >&2
    fi
done < <(git ls-files '*.rs' | xargs wc -l)
while read -r _ file; do
    [ -e "$file" ] || echo "stale: note: tests/long-files.txt names $file, which is gone" >&2
done < <(grep -v '^#' tests/long-files.txt)

# Files that import each other in a circle are read, moved and tested together: at most six. A crate that has a
# larger circle stands here with its size, which only falls.
tests/circles.py --most 6 >&2 || say "a circle of imports is too large"

# A type name means one thing wherever a crate meets it.
tests/names.py >&2 || say "a type name has two meanings"

# Shell scripts, whatever their names.
git ls-files | while read -r f; do
    if [ -f "$f" ] && head -c 64 "$f" | head -n 1 | grep -aqE '^#!.*[/ ](ba|da)?sh( |$)'; then echo "$f"; fi
done | xargs shellcheck -x >&2 || say "shellcheck has complaints"

# A page refers to pages that are not installed here; everything else that mandoc has to say is an error.
for page in man/*.[1-8]; do
    if mandoc -Tlint "$page" | grep -v 'referenced manual not found'; then say "$page: mandoc has complaints"; fi
done

exit $fail
