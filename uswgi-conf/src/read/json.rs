//! The JSON reader, as jansson's builds read it: the object `uwsgi` (or the section), texts as they are,
//! true as "1", false and null as "0", integers through 32 bits, arrays as repeated options; numbers with
//! a fraction and nested objects are left out. A repeated key keeps its first place and its last value.
//!
//! serde_json reads; it gives no positions, so a key's line is where its quoted name is found next.

use super::magic::Replaced;
use super::{Document, Pair, SyntaxError};
use serde_json::Value;

/// The pairs of one object.
pub fn read(text: &Replaced, section: &[u8]) -> Result<Document, SyntaxError> {
    let fail = |code, message: String, line: usize, column: usize| SyntaxError {
        code,
        message,
        line: u32::try_from(line).unwrap_or(0),
        column: u32::try_from(column).unwrap_or(0),
    };
    let value: Value = serde_json::from_slice(&text.text)
        .map_err(|e| fail("json-syntax", format!("no JSON: {e}"), e.line(), e.column()))?;
    let name = String::from_utf8_lossy(section).into_owned();
    let Some(object) = value.get(&name).and_then(Value::as_object) else {
        let message = format!("there is no object {name:?}");
        return Err(fail("no-section", message, 0, 0));
    };
    let mut out = Document { found: true, ..Document::default() };
    let mut from = find(&text.text, &name, 0).unwrap_or(0);
    for (key, value) in object {
        if let Some(at) = find(&text.text, key, from) {
            from = at;
        }
        let (line, column) = text.position(from);
        let mut push = |value: &Value| {
            if let Some(value) = scalar(value) {
                let key = key.clone().into_bytes();
                out.pairs.push(Pair { key, value: value.into_bytes(), line, column, value_column: 0 });
            }
        };
        match value {
            Value::Array(items) => items.iter().for_each(&mut push),
            value => push(value),
        }
    }
    Ok(out)
}

fn scalar(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(s) => s.clone(),
        Value::Bool(true) => "1".into(),
        Value::Bool(false) | Value::Null => "0".into(),
        // The real program prints into ten characters.
        // serde_json takes -0 for a fraction, jansson for 0.
        Value::Number(n) if n.as_f64() == Some(0.0) && n.as_i64().is_none() && n.to_string() == "-0.0" => {
            "0".into()
        }
        Value::Number(n) => (n.as_i64()? as i32).to_string().chars().take(10).collect(),
        Value::Array(_) | Value::Object(_) => return None,
    })
}

fn find(text: &[u8], key: &str, from: usize) -> Option<usize> {
    let wanted = format!("{key:?}");
    let rest = text.get(from..)?;
    rest.windows(wanted.len()).position(|w| w == wanted.as_bytes()).map(|n| from + n)
}

#[cfg(test)]
mod tests {
    use super::super::magic::Magic;
    use super::*;

    fn read_text(text: &str, section: &str) -> Result<Vec<String>, &'static str> {
        let d = read(&Replaced::new(text.as_bytes(), &Magic::default()), section.as_bytes())
            .map_err(|e| e.code)?;
        let t = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        Ok(d.pairs.iter().map(|p| format!("{}:{}={}", p.line, t(&p.key), t(&p.value))).collect())
    }

    #[test]
    fn values_become_texts() {
        let text = "{\"uwsgi\": {\n\"a\": [\":1\", 5, 2147483648, true, null, [1], {}],\n\"f\": 2.5, \"big\": 5000000000,\n\"o\": {}}}";
        assert_eq!(
            read_text(text, "uwsgi").unwrap(),
            ["2:a=:1", "2:a=5", "2:a=-214748364", "2:a=1", "2:a=0", "3:big=705032704"]
        );
        assert_eq!(read_text("{\"d\": {\"a\": 1, \"b\": 2, \"a\": 3}}", "d").unwrap(), ["1:a=3", "1:b=2"]);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{\"uwsgi\": {},}", "{\"uwsgi\": {}} x", "{} /* c */"] {
            assert_eq!(read_text(text, "uwsgi"), Err("json-syntax"), "{text}");
        }
        assert_eq!(read_text("{\"uwsgi\": [1]}", "uwsgi"), Err("no-section"));
        assert_eq!(read_text(&"[".repeat(100_000), "uwsgi"), Err("json-syntax"));
    }
}
