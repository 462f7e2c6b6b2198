//! The file map of docs/ARCHITECTURE.md: each crate's modules with the first sentence of their documentation.

use std::fs;
use std::path::Path;

const BEGIN: &str = "<!-- file map: made by cargo run -p uswgi-man -->\n";
const END: &str = "<!-- end of the file map -->\n";

/// The first sentence of a module's documentation, on one line; empty where there is none.
fn sentence(source: &str) -> String {
    let text: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let text = text.join(" ");
    let end = text.find(". ").unwrap_or(text.len());
    text[..end].trim_end_matches('.').replace("[`", "`").replace("`]", "`").replace('|', "\\|")
}

/// `name = "value"` of a Cargo.toml.
fn value<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    let line = manifest.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='))?;
    line.trim().strip_prefix('"')?.strip_suffix('"')
}

/// The crates of the workspace, in the order of Cargo.toml.
fn members(manifest: &str) -> Vec<&str> {
    let Some((_, list)) = manifest.split_once("members = [") else { return Vec::new() };
    list.lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with(']'))
        .filter_map(|line| line.strip_prefix('"')?.strip_suffix("\","))
        .collect()
}

/// One row for each module directly below `src`: its name (with a slash where it has parts), and what it is.
fn modules(src: &Path) -> Vec<(String, String)> {
    let Ok(entries) = fs::read_dir(src) else { return Vec::new() };
    let mut rows = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let Some(stem) = path.file_stem().and_then(|s| s.to_str()).map(str::to_owned) else { continue };
        let (name, text) = if path.is_dir() {
            let own = fs::read_to_string(path.join("mod.rs"));
            (format!("{stem}/"), own.or_else(|_| fs::read_to_string(path.with_extension("rs"))))
        } else if path.extension().is_some_and(|e| e == "rs") && !path.with_extension("").is_dir() {
            (stem, fs::read_to_string(&path))
        } else {
            continue;
        };
        if !matches!(name.as_str(), "lib" | "main" | "bin/" | "tests" | "tests/") {
            rows.push((name, sentence(&text.unwrap_or_default())));
        }
    }
    rows.sort();
    rows
}

/// The document with its file map as the files say it now; None where there is no place for it.
pub(crate) fn document(root: &Path) -> Option<String> {
    let text = fs::read_to_string(root.join("docs/ARCHITECTURE.md")).ok()?;
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let workspace = fs::read_to_string(root.join("Cargo.toml")).ok()?;
    let mut map = String::new();
    for member in members(&workspace).into_iter().filter(|m| m.starts_with("uswgi-")) {
        let manifest = fs::read_to_string(root.join(member).join("Cargo.toml")).ok()?;
        let what = value(&manifest, "description").unwrap_or_default();
        map += &format!("\n### {member}\n\n{what}.\n");
        let rows = modules(&root.join(member).join("src"));
        if !rows.is_empty() {
            map += "\n| module | what it is |\n|---|---|\n";
        }
        for (name, what) in rows {
            map += &format!("| `{name}` | {what} |\n");
        }
    }
    Some(format!("{before}{BEGIN}{map}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_taken_over_lines() {
        assert_eq!(
            sentence("//! A thing: of [`two`]\n//! lines. And more.\n//!\n//! Else.\nuse x;"),
            "A thing: of `two` lines"
        );
        assert_eq!(sentence("use x;"), "");
    }

    #[test]
    fn members_come_in_their_order() {
        assert_eq!(members("[workspace]\nmembers = [\n    \"b\",\n    \"a\",\n]\n"), ["b", "a"]);
    }

    #[test]
    fn every_module_of_every_crate_says_what_it_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
        for member in members(&workspace) {
            for (name, what) in modules(&root.join(member).join("src")) {
                assert!(!what.is_empty(), "{member}/src/{name} has no first sentence");
            }
        }
    }
}
