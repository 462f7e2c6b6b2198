//! Headers of an application that its client does not get, or that its request remembers (`rem-header`, `collect-header`,
//! `pull-header`). Pure: lines in, lines out.

use uswgi_proto::settings::Answers;

/// Change the lines of `out` from `from` on, each `Name: value\r\n`. What is to be remembered goes to `remembered`, as
/// variable and value.
pub(super) fn edit(
    out: &mut Vec<u8>,
    from: usize,
    answers: &Answers,
    mut remembered: impl FnMut(&str, &[u8]),
) {
    let lines = out.split_off(from);
    for line in lines.split_inclusive(|&b| b == b'\n') {
        let (name, value) = parts(line);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let mut stays = !answers.remove.iter().any(|n| is(n));
        for header in answers.remember.iter().filter(|h| is(&h.name)) {
            remembered(&header.variable, value);
            stays &= !header.pull;
        }
        if stays {
            out.extend_from_slice(line);
        }
    }
}

fn parts(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(|&b| b == b':').unwrap_or(line.len());
    (&line[..end], line.get(end + 1..).unwrap_or_default().trim_ascii())
}

/// What of these lines is to be remembered, as variable and value.
pub(crate) fn each_remembered(lines: &[u8], answers: &Answers, mut each: impl FnMut(&str, &[u8])) {
    if answers.remember.is_empty() {
        return;
    }
    for line in lines.split_inclusive(|&b| b == b'\n') {
        let (name, value) = parts(line);
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        answers.remember.iter().filter(|h| is(&h.name)).for_each(|h| each(&h.variable, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uswgi_proto::settings::RememberedHeader;

    #[test]
    fn names_count_in_any_case_and_every_line_of_one_goes() {
        let remember =
            |name: &str, pull| RememberedHeader { name: name.into(), variable: name.to_uppercase(), pull };
        let answers = Answers {
            remove: vec!["x-Two".into()],
            remember: vec![remember("x-one", false), remember("x-three", true), remember("none", true)],
            pages: Vec::new(),
        };
        let mut out =
            b"HTTP/1.1 200 OK\r\nX-One: 1\r\nX-Two: a\r\nX-TWO: b\r\nX-Three:  c:d \r\nX-Two-More: e\r\n"
                .to_vec();
        let mut seen = Vec::new();
        edit(&mut out, 17, &answers, |name, value| {
            seen.push(format!("{name}={}", String::from_utf8_lossy(value)))
        });
        assert_eq!(String::from_utf8_lossy(&out), "HTTP/1.1 200 OK\r\nX-One: 1\r\nX-Two-More: e\r\n");
        assert_eq!(seen, ["X-ONE=1", "X-THREE=c:d"]);
    }
}
