//! What a task is made of: pairs of bytes in a uwsgi packet, and a body behind it.
//!
//! The format is uWSGI's, byte for byte (observed on 2.0.31): one byte modifier1 = 17, the length of the pairs in two
//! bytes, one byte modifier2 = 0; each key and each value with its length in two bytes in front (little-endian); the rest
//! of the file is the body.

/// Bytes in front of the pairs.
const HEAD: usize = 4;
/// modifier1 of a task.
pub const MODIFIER1: u8 = 17;
/// Most bytes of pairs: their length field has 16 bits.
pub const MOST_PAIRS: usize = u16::MAX as usize;

/// Key that is the body, and no pair.
pub const BODY: &[u8] = b"body";
/// Key that says when to run, seconds since the epoch as text; it stays a pair.
pub const AT: &[u8] = b"at";
/// Key that names a folder below the spool folder; it stays a pair.
pub const PRIORITY: &[u8] = b"priority";
/// Key that chooses the spool folder; it stays a pair.
pub const SPOOLER: &[u8] = b"spooler";

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpoolTask {
    /// Keys and values, in their order.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// What stands behind them.
    pub body: Vec<u8>,
}

/// A task that has no place in the format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// A text is too long for its length field.
    #[error(
        "a key or value has {0} bytes, a task takes at most 65535 each (a larger value belongs in the body)"
    )]
    TooLong(usize),
    /// All together are.
    #[error("keys and values have {0} bytes, a task takes at most 65535 (large data belongs in the body)")]
    TooMany(usize),
}

/// Bytes that are no task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTask {
    /// There is less than a head.
    #[error("it is too short for a task")]
    Short,
    /// The lengths inside do not fit each other.
    #[error("the lengths in it do not fit each other")]
    Lengths,
}

impl SpoolTask {
    /// The bytes of the file.
    pub fn encode(&self) -> Result<Vec<u8>, TaskError> {
        let mut out = vec![MODIFIER1, 0, 0, 0];
        for text in self.pairs.iter().flat_map(|(key, value)| [key, value]) {
            let length = u16::try_from(text.len()).map_err(|_| TaskError::TooLong(text.len()))?;
            out.extend(length.to_le_bytes());
            out.extend(text);
        }
        let length = out.len() - HEAD;
        let field = u16::try_from(length).map_err(|_| TaskError::TooMany(length))?;
        out[1..3].copy_from_slice(&field.to_le_bytes());
        out.extend(&self.body);
        Ok(out)
    }

    /// The task in the bytes of a file. Whatever its modifiers say, as on uWSGI.
    pub fn decode(bytes: &[u8]) -> Result<SpoolTask, BadTask> {
        let head = bytes.get(..HEAD).ok_or(BadTask::Short)?;
        let length = usize::from(u16::from_le_bytes([head[1], head[2]]));
        let mut rest = bytes.get(HEAD..HEAD + length).ok_or(BadTask::Lengths)?;
        let mut text = || {
            let length = usize::from(u16::from_le_bytes([*rest.first()?, *rest.get(1)?]));
            let text = rest.get(2..2 + length)?;
            rest = &rest[2 + length..];
            Some((text.to_vec(), rest.is_empty()))
        };
        let mut pairs = Vec::new();
        let mut over = length == 0;
        while !over {
            let (key, _) = text().ok_or(BadTask::Lengths)?;
            let (value, last) = text().ok_or(BadTask::Lengths)?;
            pairs.push((key, value));
            over = last;
        }
        Ok(SpoolTask { pairs, body: bytes[HEAD + length..].to_vec() })
    }

    /// The value of a key; the last one where it stands twice, as in a dict.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.pairs.iter().rfind(|(k, _)| k == key).map(|(_, value)| value.as_slice())
    }

    /// When it is to run, seconds since the epoch; None: at once. A text that is no number counts as at once, as on uWSGI.
    pub fn at(&self) -> Option<u64> {
        std::str::from_utf8(self.get(AT)?).ok()?.trim().parse().ok().filter(|&at| at > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Bytes that uWSGI 2.0.31 has written for `{b'ret': b'retry', b'at': b'2000000000', b'body': b'BB', b'z': b''}`.
    const WRITTEN: &[u8] =
        b"\x11\x21\x00\x00\x03\x00ret\x05\x00retry\x02\x00at\x0a\x002000000000\x01\x00z\x00\x00BB";

    fn pair(key: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
        (key.into(), value.into())
    }

    #[test]
    fn the_bytes_are_those_of_uwsgi() {
        let pairs = vec![pair("ret", "retry"), pair("at", "2000000000"), pair("z", "")];
        let task = SpoolTask { pairs, body: b"BB".to_vec() };
        assert_eq!(task.encode().unwrap(), WRITTEN);
        assert_eq!(SpoolTask::decode(WRITTEN).unwrap(), task);
        assert_eq!(task.at(), Some(2_000_000_000));
        assert_eq!(SpoolTask::default().encode().unwrap(), b"\x11\0\0\0");
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut() {
        let long = SpoolTask { pairs: vec![pair("a", &"x".repeat(70_000))], body: Vec::new() };
        assert_eq!(long.encode(), Err(TaskError::TooLong(70_000)));
        let many =
            SpoolTask { pairs: vec![pair(&"a".repeat(40_000), &"b".repeat(40_000))], body: Vec::new() };
        assert_eq!(many.encode(), Err(TaskError::TooMany(80_004)));
        let body = SpoolTask { pairs: Vec::new(), body: vec![7; 70_000] };
        assert_eq!(SpoolTask::decode(&body.encode().unwrap()).unwrap(), body);
    }

    #[test]
    fn foreign_bytes_are_no_task() {
        assert_eq!(SpoolTask::decode(b""), Err(BadTask::Short));
        assert_eq!(SpoolTask::decode(b"\x12\0\0\0"), Ok(SpoolTask::default()), "uWSGI 2.0.31 runs it");
        assert_eq!(SpoolTask::decode(b"\x11\x05\0\0\xff\xff\x01\x02\x03"), Err(BadTask::Lengths));
        assert_eq!(SpoolTask::decode(b"\x11\x02\0\0\0\0"), Err(BadTask::Lengths), "a key without a value");
        assert_eq!(SpoolTask::decode(b"\x11\xff\0\0"), Err(BadTask::Lengths));
    }

    #[test]
    fn a_time_that_is_no_number_is_none() {
        let at = |text: &str| SpoolTask { pairs: vec![pair("at", text)], body: Vec::new() }.at();
        assert_eq!((at("xx"), at("-5"), at("0"), at("7")), (None, None, None, Some(7)));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), prop::collection::vec(any::<u8>(), 0..200)), 0..20),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let task = SpoolTask { pairs, body };
            prop_assert_eq!(SpoolTask::decode(&task.encode().unwrap()).unwrap(), task);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = SpoolTask::decode(&bytes);
            let mut headed = vec![MODIFIER1];
            headed.extend(bytes);
            if let Ok(task) = SpoolTask::decode(&headed) {
                let again = task.encode().unwrap();
                // modifier2 is not kept.
                prop_assert_eq!(&again[..3], &headed[..3]);
                prop_assert_eq!(&again[4..], &headed[4..]);
            }
        }
    }
}
