//! Writing mdoc(7): escapes and the few macros that the pages use.

use uswgi_proto::exit::Exit;

/// Date of all pages; changes with their hand-written texts.
const DATE: &str = "November 23, 2026";

fn sentences(line: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    for (i, _) in line.match_indices(". ") {
        if line[i + 2..].starts_with(|c: char| c.is_uppercase()) {
            out.push(&line[start..=i]);
            start = i + 2;
        }
    }
    out.push(&line[start..]);
    out
}

/// A page under construction.
pub(crate) struct Page(String);

/// Text that roff shows as it is.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

impl Page {
    /// Title, section and one line of description.
    pub(crate) fn new(name: &str, section: u8, about: &str) -> Page {
        let mut page = Page(String::from(
            ".\\\" Made by `cargo run -p uswgi-man`; edit man/src or the tables, not this file.\n",
        ));
        page.raw(&format!(".Dd {DATE}\n.Dt {} {section}\n.Os\n.Sh NAME\n.Nm {name}", name.to_uppercase()));
        page.raw(&format!(".Nd {}", about.trim_end_matches('.')));
        page
    }

    /// A line of mdoc.
    pub(crate) fn raw(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    pub(crate) fn section(&mut self, name: &str) {
        self.raw(&format!(".Sh {name}"));
    }

    pub(crate) fn subsection(&mut self, name: &str) {
        self.raw(&format!(".Ss {name}"));
    }

    /// Text: each sentence starts a line, and lines are short (mandoc's style).
    pub(crate) fn text(&mut self, text: &str) {
        for line in text.lines() {
            for sentence in sentences(line.trim()) {
                self.wrapped(sentence);
            }
        }
    }

    fn wrapped(&mut self, sentence: &str) {
        let mut line = String::new();
        for word in sentence.split_whitespace() {
            if !line.is_empty() && escape(&line).len() + escape(word).len() >= 79 {
                self.raw(&escape(&line));
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.raw(&escape(&line));
        }
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.raw(".Pp");
        self.text(text);
    }

    pub(crate) fn list(&mut self) {
        self.raw(".Bl -tag -width Ds");
    }

    /// The name of the page's program, to begin a description with.
    pub(crate) fn name(&mut self) {
        self.raw(".Nm");
    }

    /// A tag in bold, an argument in italics behind it.
    pub(crate) fn item(&mut self, tag: &str, argument: &str, text: &str) {
        let argument = if argument.is_empty() { String::new() } else { format!(" Ar {}", escape(argument)) };
        let tag = if tag.is_empty() { String::new() } else { format!(" Ic {}", escape(tag)) };
        self.raw(&format!(".It{tag}{argument}"));
        self.text(text);
    }

    pub(crate) fn end_list(&mut self) {
        self.raw(".El");
    }

    /// Lines as typed.
    pub(crate) fn literal(&mut self, text: &str) {
        self.raw(".Bd -literal -offset indent");
        self.text_as_it_is(text);
        self.raw(".Ed");
    }

    fn text_as_it_is(&mut self, text: &str) {
        for line in text.lines() {
            self.raw(&escape(line));
        }
    }

    /// The exit codes that a program uses.
    pub(crate) fn exit_status(&mut self, codes: &[Exit]) {
        self.section("EXIT STATUS");
        self.list();
        for code in codes {
            self.item(&code.code().to_string(), "", code.meaning());
        }
        self.end_list();
    }

    /// `name section` pairs.
    pub(crate) fn see_also(&mut self, pages: &[(&str, u8)]) {
        self.section("SEE ALSO");
        let mut sorted = pages.to_vec();
        sorted.sort_by_key(|(name, section)| (*section, *name));
        for (i, (name, section)) in sorted.iter().enumerate() {
            let comma = if i + 1 < sorted.len() { " ," } else { "" };
            self.raw(&format!(".Xr {name} {section}{comma}"));
        }
    }

    pub(crate) fn finish(self) -> String {
        self.0
    }
}
