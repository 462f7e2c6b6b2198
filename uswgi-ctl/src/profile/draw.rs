//! A profile as a file. Pure but for the writing.

use super::merged::{GroupBy, MergedProfile, MergedStack};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use uswgi_proto::profile::PythonFrame;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileFile {
    /// A flame graph for a browser.
    Svg,
    /// A line for each stack, as Brendan Gregg's and inferno's programs read them.
    Collapsed,
    /// For https://www.speedscope.app, which also opens files offline.
    Speedscope,
}

/// Ends of names, and what such a file is.
const ENDS: [(&str, ProfileFile); 3] = [
    (".svg", ProfileFile::Svg),
    (".collapsed", ProfileFile::Collapsed),
    (".speedscope.json", ProfileFile::Speedscope),
];

impl ProfileFile {
    /// By the end of its name.
    pub fn of(path: &Path) -> Result<ProfileFile, String> {
        let name = path.to_string_lossy();
        ENDS.into_iter().find(|(end, _)| name.ends_with(end) && name.len() > end.len()).map(|(_, file)| file).ok_or_else(|| {
            format!("{name:?} says by its end what it is to be: FILE.svg (a flame graph), FILE.collapsed, or FILE.speedscope.json")
        })
    }

    /// Its content.
    pub fn draw(self, profile: &MergedProfile, by: GroupBy, title: &str) -> Result<Vec<u8>, String> {
        match self {
            ProfileFile::Collapsed => Ok((lines(profile, by).join("\n") + "\n").into_bytes()),
            ProfileFile::Speedscope => Ok(format!("{}\n", speedscope(profile, by, title)).into_bytes()),
            ProfileFile::Svg => svg(profile, by, title),
        }
    }
}

/// A file's name as far as it tells something: behind the folder that libraries are in, or its last two parts.
pub(super) fn short(file: &str) -> &str {
    for folder in ["/site-packages/", "/dist-packages/"] {
        if let Some((_, rest)) = file.rsplit_once(folder) {
            return rest;
        }
    }
    let library = file.match_indices("/lib/python").last().and_then(|(i, _)| {
        let rest = &file[i + 5..];
        rest.find('/').map(|j| &rest[j + 1..])
    });
    library.unwrap_or_else(|| file.rmatch_indices('/').nth(1).map_or(file, |(i, _)| &file[i + 1..]))
}

/// A function in one word for people.
pub(super) fn shown(frame: &PythonFrame) -> String {
    format!("{} ({}:{})", frame.name, short(&frame.file), frame.line)
}

/// The frames of a stack as text, from the root.
fn names(profile: &MergedProfile, by: GroupBy, stack: &MergedStack) -> Vec<String> {
    let frames = stack.frames.iter().filter_map(|f| profile.frames.get(*f as usize)).map(shown);
    let standing = match stack.standing.frame() {
        None if stack.frames.is_empty() => Some("[uswgi]"),
        other => other,
    };
    by.of(stack).into_iter().chain(frames).chain(standing.map(String::from)).collect()
}

/// A line for each stack, sorted.
fn lines(profile: &MergedProfile, by: GroupBy) -> Vec<String> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (stack, count) in &profile.stacks {
        let plain = |name: String| name.replace(';', ",").replace(char::is_control, "?");
        let names: Vec<String> = names(profile, by, stack).into_iter().map(plain).collect();
        *sums.entry(names.join(";")).or_default() += count;
    }
    sums.into_iter().map(|(stack, count)| format!("{stack} {count}")).collect()
}

fn svg(profile: &MergedProfile, by: GroupBy, title: &str) -> Result<Vec<u8>, String> {
    let lines = lines(profile, by);
    let mut options = inferno::flamegraph::Options::default();
    options.title = title.to_string();
    options.subtitle = Some("the width is how often a lane stood there with a request".into());
    options.count_name = "looks".into();
    options.deterministic = true;
    options.text_truncate_direction = inferno::flamegraph::TextTruncateDirection::Right;
    let mut out = Vec::new();
    inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut out)
        .map_err(|e| e.to_string())?;
    Ok(out)
}

/// What one profile of a file for speedscope is made of.
#[derive(Default)]
struct SampledGroup {
    total: u64,
    samples: Vec<Vec<usize>>,
    weights: Vec<u64>,
}

/// <https://www.speedscope.app/file-format-schema.json>: a profile for each group, the largest first.
fn speedscope(profile: &MergedProfile, by: GroupBy, title: &str) -> Value {
    let (mut frames, mut known): (Vec<Value>, HashMap<(String, String), usize>) = Default::default();
    let mut number = |name: &str, frame: Option<&PythonFrame>| {
        let key = (name.to_string(), frame.map(|f| format!("{}:{}", f.file, f.line)).unwrap_or_default());
        *known.entry(key).or_insert_with(|| {
            frames.push(match frame {
                Some(f) => json!({ "name": f.name, "file": f.file, "line": f.line }),
                None => json!({ "name": name }),
            });
            frames.len() - 1
        })
    };
    let mut groups: BTreeMap<String, SampledGroup> = BTreeMap::new();
    let mut stacks: Vec<(&MergedStack, &u64)> = profile.stacks.iter().collect();
    stacks
        .sort_by(|(a, _), (b, _)| (&a.frames, a.standing, a.worker).cmp(&(&b.frames, b.standing, b.worker)));
    for (stack, count) in stacks {
        let group = groups.entry(by.of(stack).unwrap_or_else(|| "all requests".into())).or_default();
        let mut sample: Vec<usize> = stack
            .frames
            .iter()
            .filter_map(|f| profile.frames.get(*f as usize))
            .map(|f| number(&f.name, Some(f)))
            .collect();
        match stack.standing.frame() {
            Some(standing) => sample.push(number(standing, None)),
            None if sample.is_empty() => sample.push(number("[uswgi]", None)),
            None => {}
        }
        group.total += count;
        group.samples.push(sample);
        group.weights.push(*count);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.total));
    let seconds = |count: u64| count as f64 / f64::from(profile.rate.max(1));
    let profiles: Vec<Value> = groups
        .into_iter()
        .map(|(name, SampledGroup { total, samples, weights })| {
            json!({
                "type": "sampled", "name": name, "unit": "seconds", "startValue": 0, "endValue": seconds(total),
                "samples": samples, "weights": weights.into_iter().map(seconds).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "name": title,
        "exporter": concat!("uswgi-ctl ", env!("CARGO_PKG_VERSION")),
        "activeProfileIndex": 0,
        "shared": { "frames": frames },
        "profiles": profiles,
    })
}

#[cfg(test)]
mod tests {
    use super::super::merged::tests::profile;
    use super::*;

    #[test]
    fn the_end_of_a_name_says_what_a_file_is() {
        for (name, file) in [
            ("a.svg", Some(ProfileFile::Svg)),
            ("/x/a.b.collapsed", Some(ProfileFile::Collapsed)),
            ("a.speedscope.json", Some(ProfileFile::Speedscope)),
            ("a.json", None),
            (".svg", None),
            ("svg", None),
        ] {
            assert_eq!(ProfileFile::of(Path::new(name)).ok(), file, "{name}");
        }
    }

    #[test]
    fn stacks_are_lines_under_their_group_with_what_they_wait_for_on_top() {
        let a = "app (site/views,x.py:3)";
        let text = lines(&profile(), GroupBy::Route);
        assert_eq!(
            text,
            [
                "(not known which request);[waits for the GIL] 5".to_string(),
                format!("GET /a/*;{a};Model.query (orm/base.py:70) 27"),
                format!("GET /a/*;{a};Model.query (orm/base.py:70);[waits] 10"),
                format!("POST /b;{a};[waits for the client to take the answer] 2"),
            ]
        );
        assert!(
            lines(&profile(), GroupBy::Worker)
                .contains(&format!("worker 1;{a};Model.query (orm/base.py:70) 20"))
        );
        assert!(lines(&profile(), GroupBy::None).contains(&format!("{a};Model.query (orm/base.py:70) 27")));
    }

    #[test]
    fn speedscope_has_a_profile_for_each_route_and_its_weights_are_seconds() {
        let json = speedscope(&profile(), GroupBy::Route, "t");
        let profiles = json["profiles"].as_array().unwrap();
        let names: Vec<_> = profiles.iter().map(|p| p["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["GET /a/*", "(not known which request)", "POST /b"]);
        assert_eq!(profiles[0]["endValue"], 0.37);
        let count = json["shared"]["frames"].as_array().unwrap().len() as u64;
        for p in profiles {
            let (samples, weights) = (p["samples"].as_array().unwrap(), p["weights"].as_array().unwrap());
            assert_eq!(samples.len(), weights.len());
            for frame in samples.iter().flat_map(|s| s.as_array().unwrap()) {
                assert!(frame.as_u64().unwrap() < count);
            }
        }
    }

    #[test]
    fn the_graph_is_an_svg_with_the_routes_in_it() {
        let svg =
            String::from_utf8(ProfileFile::Svg.draw(&profile(), GroupBy::Route, "a & b").unwrap()).unwrap();
        assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"));
        for part in ["a &amp; b", "GET /a/*", "Model.query (orm/base.py:70)", "[waits]"] {
            assert!(svg.contains(part), "{part}");
        }
    }

    #[test]
    fn files_are_shown_by_what_tells_something() {
        for (file, expected) in [
            ("/v/lib/python3.11/site-packages/django/db/models/query.py", "django/db/models/query.py"),
            ("/usr/lib/python3.11/json/decoder.py", "json/decoder.py"),
            ("/srv/site/app/views.py", "app/views.py"),
            ("views.py", "views.py"),
            ("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"),
        ] {
            assert_eq!(short(file), expected);
        }
    }
}
