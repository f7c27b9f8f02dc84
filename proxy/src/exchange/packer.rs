//! A body packed as it passes: what has come can always be unpacked as far as it has come.

use super::coding::Coding;
use brotli::CompressorWriter;
use brotli::enc::BrotliEncoderParams;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{self, Write};
use zstd::stream::write::Encoder as ZstdEncoder;

/// How hard each tries. Beyond these, time grows faster than bodies shrink.
const GZIP: u32 = 5;
const ZSTD: i32 = 3;
const BROTLI: i32 = 4;
/// How far back each looks, as a power of two: what one client's answer may take of memory. gzip knows 15 alone.
const WINDOW: u32 = 19;

/// Packs one body.
pub(crate) struct Packer(Encoder);

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
    Br(Box<CompressorWriter<Vec<u8>>>),
}

impl Packer {
    /// Begins a body.
    pub(crate) fn new(coding: Coding) -> io::Result<Self> {
        Ok(Self(match coding {
            Coding::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP))),
            Coding::Zstd => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD)?;
                encoder.window_log(WINDOW)?;
                Encoder::Zstd(encoder)
            }
            Coding::Br => {
                let lgwin = WINDOW.try_into().unwrap_or_default();
                let parameters = BrotliEncoderParams { quality: BROTLI, lgwin, ..Default::default() };
                Encoder::Br(Box::new(CompressorWriter::with_params(Vec::new(), 4096, &parameters)))
            }
        }))
    }

    /// Takes a part, and gives what comes of it, which may be nothing yet.
    pub(crate) fn part(&mut self, part: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(part)?;
        Ok(self.taken())
    }

    /// Takes a part after which nothing may come for a while: all of it is in what this gives.
    pub(crate) fn flushed(&mut self, part: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(part)?;
        self.writer().flush()?;
        Ok(self.taken())
    }

    /// Takes the last part, and gives the end.
    pub(crate) fn finish(mut self, part: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(part)?;
        Ok(match self.0 {
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Zstd(encoder) => encoder.finish()?,
            Encoder::Br(encoder) => encoder.into_inner(),
        }
        .into())
    }

    fn writer(&mut self) -> &mut dyn Write {
        match &mut self.0 {
            Encoder::Gzip(encoder) => encoder,
            Encoder::Zstd(encoder) => encoder,
            Encoder::Br(encoder) => encoder,
        }
    }

    fn taken(&mut self) -> Bytes {
        let ready = match &mut self.0 {
            Encoder::Gzip(encoder) => encoder.get_mut(),
            Encoder::Zstd(encoder) => encoder.get_mut(),
            Encoder::Br(encoder) => encoder.get_mut(),
        };
        std::mem::take(ready).into()
    }
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Encoder::Gzip(_) => "Packer(gzip)",
            Encoder::Zstd(_) => "Packer(zstd)",
            Encoder::Br(_) => "Packer(br)",
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;

    fn unpacked(coding: Coding, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        match coding {
            Coding::Gzip => flate2::read::GzDecoder::new(bytes).read_to_end(&mut text),
            Coding::Zstd => zstd::stream::read::Decoder::new(bytes)?.read_to_end(&mut text),
            Coding::Br => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut text),
        }
        .map(|_| text)
    }

    /// What can be read of a body that has not ended.
    fn so_far(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut decoder: Box<dyn Read> = match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
            Coding::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).unwrap()),
            Coding::Br => Box::new(brotli::Decompressor::new(bytes, 4096)),
        };
        let (mut text, mut buffer) = (Vec::new(), [0; 512]);
        while let Ok(count @ 1..) = decoder.read(&mut buffer) {
            text.extend_from_slice(&buffer[..count]);
        }
        text
    }

    fn text() -> Vec<u8> {
        (0..20_000)
            .flat_map(|number| format!("{{\"id\":{number},\"name\":\"n{}\"}},\n", number % 97).into_bytes())
            .collect()
    }

    #[test]
    fn what_is_packed_in_parts_is_what_was_put_in() {
        let text = text();
        for coding in Coding::ALL {
            let mut packer = Packer::new(coding).unwrap();
            let mut packed = Vec::new();
            for part in text.chunks(7_001) {
                packed.extend_from_slice(&packer.part(part).unwrap());
            }
            packed.extend_from_slice(&packer.finish(b"the end").unwrap());
            let expected = [text.as_slice(), b"the end"].concat();
            assert!(unpacked(coding, &packed).unwrap() == expected, "{coding:?}");
            assert!(packed.len() * 4 < expected.len(), "{coding:?}: {} of {}", packed.len(), expected.len());
            let cut = packed.len() - 3;
            assert!(
                unpacked(coding, &packed[..cut]).is_err(),
                "{coding:?}: an end that is missing is noticed"
            );
        }
    }

    #[test]
    fn what_is_flushed_can_be_read_before_more_comes() {
        for coding in Coding::ALL {
            let mut packer = Packer::new(coding).unwrap();
            let mut packed = Vec::new();
            for part in ["one, ", "two, ", "three"] {
                packed.extend_from_slice(&packer.flushed(part.as_bytes()).unwrap());
                assert!(so_far(coding, &packed).ends_with(part.as_bytes()), "{coding:?}: {part}");
            }
            packed.extend_from_slice(&packer.finish(b"").unwrap());
            assert_eq!(unpacked(coding, &packed).unwrap(), b"one, two, three");
        }
    }

    #[test]
    fn nothing_is_packed_too() {
        for coding in Coding::ALL {
            let packed = Packer::new(coding).unwrap().finish(b"").unwrap();
            assert_eq!(unpacked(coding, &packed).unwrap(), b"");
        }
    }

    #[test]
    fn to_flush_each_part_costs_little_where_parts_are_large() {
        let text = text();
        for coding in Coding::ALL {
            let (mut whole, mut parts) = (Packer::new(coding).unwrap(), Packer::new(coding).unwrap());
            let mut sizes = [whole.part(&text).unwrap().len(), 0];
            sizes[1] = text.chunks(16 * 1024).map(|part| parts.flushed(part).unwrap().len()).sum();
            sizes[0] += whole.finish(b"").unwrap().len();
            sizes[1] += parts.finish(b"").unwrap().len();
            assert!(sizes[1] * 4 < sizes[0] * 5, "{coding:?}: {sizes:?} of {}", text.len());
        }
    }
}
