//! The XML reader: `<uwsgi>` as the root or the first one below another root; each child element is an
//! option whose value is its *first* child node, verbatim, or "1" when it is empty. With `file.xml:id`,
//! elements whose `id` is another one are skipped. `<app mountpoint=..>` becomes a `mount`.
//!
//! quick-xml gives the events; that the document is well-formed as a whole is checked here. Entities
//! other than the five of XML are refused: nothing is ever fetched or expanded.

use super::magic::Replaced;
use super::{Document, Pair, SyntaxError};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// How deep elements may be.
const MAX_DEPTH: usize = 64;

/// An element with what is needed of it.
#[derive(Default)]
struct Node {
    name: Vec<u8>,
    id: Option<Vec<u8>>,
    mountpoint: Option<Vec<u8>>,
    domain: Option<Vec<u8>>,
    at: usize,
    children: Vec<Content>,
}

enum Content {
    Element(Node),
    Text(Vec<u8>),
    CData(Vec<u8>),
    /// A comment or an instruction.
    Other(Vec<u8>),
}

/// The pairs of the wanted `<uwsgi>`.
pub fn read(text: &Replaced, id: Option<&[u8]>) -> Result<Document, SyntaxError> {
    let root = tree(text)?;
    let fits = |n: &Node| match (&n.id, id) {
        (Some(have), Some(wanted)) => have == wanted,
        _ => true,
    };
    let is_uwsgi = |n: &&Node| n.name == b"uwsgi";
    let elements = root.children.iter().filter_map(|c| match c {
        Content::Element(n) => Some(n),
        _ => None,
    });
    let wanted =
        if root.name == b"uwsgi" { Some(&root) } else { elements.filter(is_uwsgi).find(|n| fits(n)) };
    let Some(uwsgi) = wanted else {
        let message = match id {
            Some(id) => format!("there is no <uwsgi id={:?}>", crate::diag::shown(id)),
            None => format!("there is no <uwsgi> in <{}>", crate::diag::shown(&root.name)),
        };
        return Err(SyntaxError { code: "no-section", message, line: 0, column: 0 });
    };
    let mut out = Document { found: true, ..Document::default() };
    for child in &uwsgi.children {
        match child {
            Content::Element(n) if fits(n) => option(text, n, &mut out.pairs)?,
            Content::CData(code) => {
                let (line, column) = text.position(uwsgi.at);
                out.pairs.push(Pair {
                    key: b"eval".to_vec(),
                    value: code.clone(),
                    line,
                    column,
                    value_column: 0,
                });
            }
            _ => {}
        }
    }
    Ok(out)
}

fn option(text: &Replaced, n: &Node, pairs: &mut Vec<Pair>) -> Result<(), SyntaxError> {
    let (line, column) = text.position(n.at);
    let mut push = |key: &[u8], value: Vec<u8>| {
        pairs.push(Pair { key: key.to_vec(), value, line, column, value_column: 0 });
    };
    if n.name == b"app" {
        match app_of(n) {
            AppValue::None => {}
            AppValue::Nothing => return Ok(()),
            AppValue::Mounts(app) => push(b"mount", [n.point().as_slice(), &app].concat()),
        }
        push(b"app", Vec::new());
        return Ok(());
    }
    match n.children.first() {
        None => push(&n.name, b"1".to_vec()),
        Some(Content::Text(t) | Content::CData(t) | Content::Other(t)) => push(&n.name, t.clone()),
        Some(Content::Element(inner)) => {
            let name = crate::diag::shown(&n.name);
            let message =
                format!("<{name}> holds <{}>: options cannot be nested", crate::diag::shown(&inner.name));
            return Err(SyntaxError { code: "xml-nested", message, line, column });
        }
    }
    Ok(())
}

/// What an `<app>` holds.
enum AppValue {
    /// No child at all: the entry `app` alone.
    None,
    /// Children that mount nothing: no entry.
    Nothing,
    /// What is mounted.
    Mounts(Vec<u8>),
}

/// As observed on 2.0.31: an only child that is text is what is mounted. Of several children it is the second, an
/// element whose own first child is text.
fn app_of(n: &Node) -> AppValue {
    let text = |c: Option<&Content>| match c {
        Some(Content::Text(t) | Content::CData(t) | Content::Other(t)) => Some(t.clone()),
        _ => None,
    };
    let found = match n.children.as_slice() {
        [] => return AppValue::None,
        [only] => text(Some(only)),
        [_, Content::Element(second), ..] => text(second.children.first()),
        _ => None,
    };
    found.map_or(AppValue::Nothing, AppValue::Mounts)
}

impl Node {
    /// What stands in front of the application of an `<app>`.
    fn point(&self) -> Vec<u8> {
        match (&self.mountpoint, &self.domain) {
            (Some(point), _) => [point.as_slice(), b"="].concat(),
            (None, Some(domain)) => [domain.as_slice(), b"|="].concat(),
            (None, None) => Vec::new(),
        }
    }
}

/// The whole document, checked for being one.
fn tree(text: &Replaced) -> Result<Node, SyntaxError> {
    let fail = |at: usize, message: String| {
        let (line, column) = text.position(at);
        SyntaxError { code: "xml-syntax", message, line, column }
    };
    let latin;
    let document: &str = if is_latin1(&text.text) {
        latin = text.text.iter().map(|&b| char::from(b)).collect::<String>();
        &latin
    } else {
        let valid = std::str::from_utf8(&text.text);
        valid.map_err(|e| fail(e.valid_up_to(), "the text is not UTF-8".into()))?
    };
    let mut reader = Reader::from_str(document);
    let config = reader.config_mut();
    config.check_end_names = true;
    config.expand_empty_elements = false;
    let mut open: Vec<Node> = Vec::new();
    let mut root: Option<Node> = None;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(0);
        let event = reader.read_event().map_err(|e| fail(at, format!("no well-formed XML: {e}")))?;
        match event {
            Event::Start(e) | Event::Empty(e) if root.is_some() && open.is_empty() => {
                return Err(fail(at, format!("<{}> after the end of the document", e.name().as_ref())));
            }
            Event::Start(e) => {
                if open.len() >= MAX_DEPTH {
                    return Err(fail(at, "elements are too deep".into()));
                }
                open.push(node(&e, at, document).map_err(|m| fail(at, m))?);
            }
            Event::Empty(e) => {
                let n = node(&e, at, document).map_err(|m| fail(at, m))?;
                close(n, &mut open, &mut root);
            }
            Event::End(_) => {
                if let Some(n) = open.pop() {
                    close(n, &mut open, &mut root);
                }
            }
            Event::Text(t) => {
                let plain: &str = &t;
                match open.last_mut() {
                    Some(n) => append(n, newlines(plain.as_bytes())),
                    None if plain.trim().is_empty() || plain == "\u{feff}" => {}
                    None => return Err(fail(at, "text outside of the document's element".into())),
                }
            }
            Event::GeneralRef(r) => {
                let name: &str = &r;
                let c = match name {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => r.resolve_char_ref().ok().flatten(),
                };
                let Some(c) = c else {
                    return Err(fail(at, format!("entity &{}; is not known", name)));
                };
                if let Some(n) = open.last_mut() {
                    append(n, c.to_string().into_bytes());
                }
            }
            Event::CData(c) => {
                if let Some(n) = open.last_mut() {
                    // Neighbours are one, as in libxml2.
                    match n.children.last_mut() {
                        Some(Content::CData(before)) => before.extend_from_slice(c.as_bytes()),
                        _ => n.children.push(Content::CData(c.as_bytes().to_vec())),
                    }
                }
            }
            Event::Comment(c) => {
                if let Some(n) = open.last_mut() {
                    n.children.push(Content::Other(c.as_bytes().to_vec()));
                }
            }
            Event::PI(p) => {
                if let Some(n) = open.last_mut() {
                    n.children.push(Content::Other(p.content().trim_start().as_bytes().to_vec()));
                }
            }
            Event::Decl(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    if let Some(n) = open.last() {
        return Err(fail(text.text.len(), format!("<{}> is not closed", crate::diag::shown(&n.name))));
    }
    root.ok_or_else(|| fail(0, "there is no XML document".into()))
}

fn node(e: &BytesStart<'_>, at: usize, document: &str) -> Result<Node, String> {
    let (full, local) = (e.name(), e.local_name());
    let (full, local): (&str, &str) = (full.as_ref(), local.as_ref());
    // A prefix is one only where the document declares it.
    let prefix = full.strip_suffix(local).and_then(|p| p.strip_suffix(':'));
    let declared = prefix.is_some_and(|p| document.contains(&format!("xmlns:{p}=")));
    let name = if declared { local } else { full };
    let mut n = Node { name: name.as_bytes().to_vec(), at, ..Node::default() };
    for attribute in e.attributes() {
        let a = attribute.map_err(|e| format!("no well-formed XML: {e}"))?;
        match a.key.as_ref() {
            "id" => n.id = Some(a.value.as_bytes().to_vec()),
            "mountpoint" => n.mountpoint = Some(a.value.as_bytes().to_vec()),
            "domain" => n.domain = Some(a.value.as_bytes().to_vec()),
            _ => {}
        }
    }
    Ok(n)
}

fn close(n: Node, open: &mut [Node], root: &mut Option<Node>) {
    match open.last_mut() {
        Some(parent) => parent.children.push(Content::Element(n)),
        None => *root = Some(n),
    }
}

/// Text next to text is one node, as in a tree of libxml2.
fn append(n: &mut Node, more: Vec<u8>) {
    match n.children.last_mut() {
        Some(Content::Text(t)) => t.extend(more),
        _ => n.children.push(Content::Text(more)),
    }
}

/// XML reads CR LF and CR as LF.
fn newlines(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (i, &b) in text.iter().enumerate() {
        match b {
            b'\r' if text.get(i + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            b => out.push(b),
        }
    }
    out
}

fn is_latin1(text: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&text[..text.len().min(200)]).to_ascii_lowercase();
    head.starts_with("<?xml")
        && head.split("?>").next().is_some_and(|d| d.contains("iso-8859-1") || d.contains("latin1"))
}

#[cfg(test)]
mod tests {
    use super::super::magic::Magic;
    use super::*;

    fn read_text(text: &str, id: Option<&str>) -> Result<Vec<String>, String> {
        let text = Replaced::new(text.as_bytes(), &Magic::default());
        let d = read(&text, id.map(str::as_bytes)).map_err(|e| e.message)?;
        let t = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Ok(d.pairs.iter().map(|p| format!("{}={}", t(&p.key), t(&p.value))).collect())
    }

    #[test]
    fn the_first_child_is_the_value() {
        for (text, want) in [
            ("<uwsgi><p>4</p><m/><n></n><o> a </o></uwsgi>", &["p=4", "m=1", "n=1", "o= a "][..]),
            ("<uwsgi><m><!-- c -->x</m></uwsgi>", &["m= c "]),
            ("<uwsgi><m>a<!-- c -->b</m></uwsgi>", &["m=a"]),
            ("<uwsgi><m>a<b/>c</m></uwsgi>", &["m=a"]),
            ("<uwsgi><m>&lt;a&amp;b&#65;</m></uwsgi>", &["m=<a&bA"]),
            ("<uwsgi><m><![CDATA[a<b]]></m></uwsgi>", &["m=a<b"]),
            ("<uwsgi><![CDATA[print(1)]]><p>2</p></uwsgi>", &["eval=print(1)", "p=2"]),
            ("<c><x/><uwsgi><p>1</p></uwsgi><uwsgi><p>2</p></uwsgi></c>", &["p=1"]),
            ("<uwsgi><app mountpoint=\"/x\">m</app></uwsgi>", &["mount=/x=m", "app="]),
            (
                "<uwsgi><app mountpoint=\"/f\">\n <module>m1</module>\n</app></uwsgi>",
                &["mount=/f=m1", "app="],
            ),
            // Every row below was seen on 2.0.31.
            ("<uwsgi><app mountpoint=\"/\"><script>b</script></app><p>1</p></uwsgi>", &["p=1"]),
            ("<uwsgi><app>x.py</app></uwsgi>", &["mount=x.py", "app="]),
            ("<uwsgi><app mountpoint=\"/q\"/></uwsgi>", &["app="]),
            ("<uwsgi><app mountpoint=\"/q\"><!--c--><s>b</s></app></uwsgi>", &["mount=/q=b", "app="]),
            ("<uwsgi><app mountpoint=\"/q\"><a>x</a><b>z</b><c>y</c></app></uwsgi>", &["mount=/q=z", "app="]),
            ("<uwsgi><app mountpoint=\"/q\"><a>x</a> <b>z</b></app><p>1</p></uwsgi>", &["p=1"]),
            ("<uwsgi><app mountpoint=\"/q\"> <s/> </app><p>1</p></uwsgi>", &["p=1"]),
            ("<uwsgi><app mountpoint=\"/q\">t<!--c--></app><p>1</p></uwsgi>", &["p=1"]),
            ("<uwsgi><app mountpoint=\"/q\"> <s><x>z</x>q</s></app><p>1</p></uwsgi>", &["p=1"]),
            ("<uwsgi><app mountpoint=\"/q\"><s>a</s>text</app><p>1</p></uwsgi>", &["p=1"]),
            ("<uwsgi><app domain=\"d\"> <s>b</s></app></uwsgi>", &["mount=d|=b", "app="]),
            ("<uwsgi><app mountpoint=\"\" domain=\"d\"> <s>b</s></app></uwsgi>", &["mount==b", "app="]),
        ] {
            assert_eq!(read_text(text, None).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn ids_choose() {
        let text = "<c><uwsgi id=\"a\"><p>1</p></uwsgi><uwsgi id=\"b\"><p>2</p><p id=\"z\">3</p></uwsgi></c>";
        assert_eq!(read_text(text, Some("b")).unwrap(), ["p=2"]);
        assert_eq!(read_text(text, None).unwrap(), ["p=1"]);
        assert!(read_text(text, Some("q")).is_err());
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "x",
            "<uwsgi>",
            "<uwsgi><p>2</uwsgi>",
            "<conf/>",
            "<uwsgi/><a/>",
            "<uwsgi/>x",
            "<uwsgi><m>&e;</m></uwsgi>",
            "<uwsgi><m>a & b</m></uwsgi>",
            "<uwsgi><a><b>1</b></a></uwsgi>",
            "<uwsgi><m a=1>x</m></uwsgi>",
        ] {
            assert!(read_text(text, None).is_err(), "{text}");
        }
        assert!(read_text(&"<uwsgi>".repeat(100), None).unwrap_err().contains("deep"));
    }
}
