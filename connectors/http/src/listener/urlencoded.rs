//! Percent-encoding of paths, queries and forms (RFC 3986; the URL standard's form encoding).

/// The bytes that `text` stands for. `plus` reads a plus sign as a blank, as forms and queries do. A percent sign that
/// begins no code stands for itself.
pub(super) fn decode(text: &[u8], plus: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match first {
            b'+' if plus => b' ',
            b'%' => match code(tail) {
                Some(byte) => {
                    rest = &tail[2..];
                    byte
                }
                None => b'%',
            },
            other => other,
        });
    }
    bytes
}

fn code(text: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (high, low) = (digit(*text.first()?)?, digit(*text.get(1)?)?);
    u8::try_from(high * 16 + low).ok()
}

/// The fields of a form or query, in order; what is not UTF-8 is replaced.
pub(super) fn fields(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    let text_of = |bytes: &[u8]| match String::from_utf8(decode(bytes, true)) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    };
    text.split(|&byte| byte == b'&')
        .filter(|field| !field.is_empty())
        .map(move |field| {
            let (name, value) = match field.iter().position(|&byte| byte == b'=') {
                Some(equals) => (&field[..equals], &field[equals + 1..]),
                None => (field, &[][..]),
            };
            (text_of(name), text_of(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_what_only_looks_like_one() {
        assert_eq!(decode(b"a%20b+c%2", false), b"a b+c%2");
        assert_eq!(decode(b"a+b%zz%C3%A9", true), "a b%zzé".as_bytes());
    }

    #[test]
    fn fields_in_order() {
        let read: Vec<_> = fields(b"a=1&b=x+y&&c&a=%26").collect();
        let expected = [("a", "1"), ("b", "x y"), ("c", ""), ("a", "&")];
        assert_eq!(
            read,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}
