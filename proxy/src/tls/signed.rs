//! Signatures of certificates and lists, checked by whatever algorithms are spoken.

use rustls_pki_types::SignatureVerificationAlgorithm;
use webpki::{Error, RawPublicKeyEntity};
use x509_parser::prelude::X509Certificate;

/// The algorithms that signatures may be made with.
pub(super) type Algorithms = &'static [&'static dyn SignatureVerificationAlgorithm];

/// Something signed: what was signed, how, and the signature.
#[derive(Debug)]
pub(super) struct Signed<'d> {
    message: &'d [u8],
    algorithm: &'d [u8],
    signature: &'d [u8],
}

impl<'d> Signed<'d> {
    /// Takes a certificate or a list apart: both are a sequence of what is signed, the algorithm, and the signature.
    pub(super) fn from_der(der: &'d [u8]) -> Result<Self, Error> {
        Self::parts(der).ok_or(Error::BadDer)
    }

    fn parts(der: &'d [u8]) -> Option<Self> {
        let (whole, _) = field(der)?;
        let (_, behind) = field(whole)?;
        let message = whole.get(..whole.len() - behind.len())?;
        let (algorithm, behind) = field(behind)?;
        // A string of bits, of which none is left over in its last byte.
        let signature = field(behind)?.0.strip_prefix(&[0])?;
        Some(Self { message, algorithm, signature })
    }

    /// Whether it was signed with the key of this certificate.
    pub(super) fn is_by(&self, issuer: &X509Certificate<'_>, algorithms: Algorithms) -> bool {
        let key = issuer.public_key().raw.to_vec().into();
        let Ok(key) = RawPublicKeyEntity::try_from(&key) else { return false };
        let mut fitting =
            algorithms.iter().filter(|known| known.signature_alg_id().as_ref() == self.algorithm);
        fitting.any(|known| key.verify_signature(*known, self.message, self.signature).is_ok())
    }
}

/// The content of the first field of DER, and what follows it.
fn field(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.get(1..)?.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let number =
                |digits: &[u8]| digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            (if digits.len() <= 4 { number(digits) } else { return None }, rest)
        }
    };
    rest.split_at_checked(length)
}
