//! Protobuf's wire format: numbers, lengths and tags, without any message.
//!
//! What is read is untrusted: every length is checked against what is there. Faults are told in the words of the decoders
//! that Kubernetes generates.

/// Fields one after another.
#[derive(Debug, Default)]
pub struct Writer {
    pub bytes: Vec<u8>,
}

impl Writer {
    fn varint(&mut self, mut number: u64) {
        loop {
            let low = u8::try_from(number & 0x7f).unwrap_or_default();
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low);
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// A whole number or a truth. Negative numbers are written as their two's complement.
    pub fn number(&mut self, field: u32, number: i64) {
        self.varint(u64::from(field) << 3);
        self.varint(number.cast_unsigned());
    }

    pub fn double(&mut self, field: u32, number: f64) {
        self.varint(u64::from(field) << 3 | 1);
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// Bytes and texts.
    pub fn field(&mut self, field: u32, bytes: &[u8]) {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// A message, written in place: its length is put before it when it is known.
    pub fn message(&mut self, field: u32, write: impl FnOnce(&mut Self)) {
        self.varint(u64::from(field) << 3 | 2);
        let start = self.bytes.len();
        write(self);
        let end = self.bytes.len();
        self.varint((end - start) as u64);
        let length = self.bytes.len() - end;
        self.bytes[start..].rotate_right(length);
    }
}

/// What stands on the wire for one field.
#[derive(Clone, Copy, Debug)]
pub enum Wire<'a> {
    Number(u64),
    Fixed(&'a [u8]),
    Bytes(&'a [u8]),
}

/// The fields of a message, in the order in which they stand there.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn varint(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or("unexpected EOF")?;
            self.rest = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err("proto: integer overflow".to_owned())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let parts = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = parts.ok_or("unexpected EOF")?;
        self.rest = rest;
        Ok(taken)
    }

    /// The next field's number and value; none at the end.
    pub fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, String> {
        if self.is_at_end() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Fixed(self.take(8)?),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Fixed(self.take(4)?),
            wire_type => return Err(format!("proto: illegal wireType {wire_type}")),
        };
        match u32::try_from(tag >> 3) {
            Ok(number) if number > 0 => Ok(Some((number, value))),
            Ok(_) | Err(_) => Err(format!(
                "proto: illegal tag {} (wire type {})",
                tag >> 3,
                tag & 7
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_more_than_a_byte_are_written_in_two() {
        let mut writer = Writer::default();
        writer.field(31, &[7; 200]);
        assert_eq!(writer.bytes[..4], [0xfa, 0x01, 0xc8, 0x01]);
        assert_eq!(writer.bytes.len(), 204);
        let mut nested = Writer::default();
        nested.message(31, |message| message.bytes.extend_from_slice(&[7; 200]));
        assert_eq!(nested.bytes, writer.bytes);
    }

    #[test]
    fn what_is_cut_short_or_unknown_is_refused() {
        let fault = |bytes: &[u8]| Reader::new(bytes).field().unwrap_err();
        assert_eq!(fault(&[0x0a, 5, 1]), "unexpected EOF");
        assert_eq!(fault(&[0x08]), "unexpected EOF");
        assert_eq!(fault(&[0x0b]), "proto: illegal wireType 3");
        assert_eq!(fault(&[0x02, 0]), "proto: illegal tag 0 (wire type 2)");
        assert_eq!(fault(&[0xff; 11]), "proto: integer overflow");
    }
}
