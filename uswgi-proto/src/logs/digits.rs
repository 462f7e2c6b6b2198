//! Numbers as decimal text, pushed straight into a line under construction: a request line has a dozen of
//! them, and `write!` costs several times as much for each. Decides nothing, allocates only in the line.
#![forbid(unsafe_code)]

/// Digits of the longest u64.
const LONGEST: usize = 20;

/// Append a number.
pub fn number(n: u64, out: &mut Vec<u8>) {
    padded(n, 1, b'0', out);
}

/// Append a number that may be negative.
pub fn signed(n: i64, out: &mut Vec<u8>) {
    if n < 0 {
        out.push(b'-');
    }
    number(n.unsigned_abs(), out);
}

/// Append a number with at least two digits.
pub fn two(n: u64, out: &mut Vec<u8>) {
    padded(n, 2, b'0', out);
}

/// Append a number in at least `width` characters (20 at most), `fill` in front.
pub fn padded(mut n: u64, width: usize, fill: u8, out: &mut Vec<u8>) {
    let mut text = [fill; LONGEST];
    let mut at = LONGEST;
    loop {
        at -= 1;
        text[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&text[at.min(LONGEST - width.min(LONGEST))..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(push: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"x".to_vec();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_ends_of_the_range() {
        for n in [0, 9, 10, 99, 100, u64::MAX] {
            assert_eq!(text(|o| number(n, o)), format!("x{n}"));
        }
        for n in [i64::MIN, -1, 0, i64::MAX] {
            assert_eq!(text(|o| signed(n, o)), format!("x{n}"));
        }
    }

    proptest! {
        #[test]
        fn as_the_standard_library_writes_them(n: u64, shift in 0u32..64, i: i64, width in 0usize..=20) {
            let n = n >> shift;
            prop_assert_eq!(text(|o| number(n, o)), format!("x{n}"));
            prop_assert_eq!(text(|o| signed(i >> shift, o)), format!("x{}", i >> shift));
            prop_assert_eq!(text(|o| two(n, o)), format!("x{n:02}"));
            prop_assert_eq!(text(|o| padded(n, width, b'0', o)), format!("x{n:0width$}"));
            prop_assert_eq!(text(|o| padded(n, width, b' ', o)), format!("x{n:width$}"));
        }
    }
}
