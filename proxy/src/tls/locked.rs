//! Private keys that are encrypted with a password.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use pkcs8::{EncryptedPrivateKeyInfo, SecretDocument};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

/// Opens an encrypted key by the first password of a file that fits, one a line; `None` where it is no such key, or none
/// fits.
pub(super) fn open(pem: &[u8], passwords: &str) -> Option<PrivateKeyDer<'static>> {
    let pem = std::str::from_utf8(pem).ok()?;
    passwords.lines().find_map(|password| by_one(pem, password.as_bytes()))
}

fn by_one(pem: &str, password: &[u8]) -> Option<PrivateKeyDer<'static>> {
    let (_, block) = pem.split_once("-----BEGIN ")?;
    let (label, block) = block.split_once("-----")?;
    let (body, _) = block.split_once("-----END ")?;
    match label {
        "ENCRYPTED PRIVATE KEY" => {
            let (_, sealed) = SecretDocument::from_pem(pem.get(pem.find("-----BEGIN ")?..)?).ok()?;
            let key = EncryptedPrivateKeyInfo::try_from(sealed.as_bytes()).ok()?.decrypt(password).ok()?;
            Some(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
        }
        "RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(traditional(body, password)?).into()),
        "EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(traditional(body, password)?).into()),
        _ => None,
    }
}

/// The way of OpenSSL before PKCS #8 (RFC 1421, section 4.6.1.3).
fn traditional(body: &str, password: &[u8]) -> Option<Vec<u8>> {
    let (head, text) = body.split_once("\n\n").or_else(|| body.split_once("\r\n\r\n"))?;
    let info = head.lines().find_map(|line| line.strip_prefix("DEK-Info: "))?;
    let (cipher, iv) = info.trim().split_once(',')?;
    let (cipher, length): (&Algorithm, usize) = match cipher {
        "AES-128-CBC" => (&AES_128, 16),
        "AES-192-CBC" => (&AES_192, 24),
        "AES-256-CBC" => (&AES_256, 32),
        _ => return None,
    };
    let iv: [u8; 16] = bytes(iv)?.try_into().ok()?;
    let key = derived(password, iv.get(..8)?, length);
    let key = UnboundCipherKey::new(cipher, &key).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let mut sealed = STANDARD.decode(text.split_whitespace().collect::<String>()).ok()?;
    let opened = key.decrypt(&mut sealed, DecryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    // What a wrong password makes of it is hardly ever a sequence.
    opened.starts_with(&[0x30]).then(|| opened.to_vec())
}

/// OpenSSL's `EVP_BytesToKey`, with MD5 and one round.
fn derived(password: &[u8], salt: &[u8], length: usize) -> Vec<u8> {
    let mut key = Vec::new();
    let mut last = Vec::new();
    while key.len() < length {
        let round = Md5::new().chain_update(&last).chain_update(password).chain_update(salt);
        last = round.finalize().to_vec();
        key.extend_from_slice(&last);
    }
    key.truncate(length);
    key
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// By `openssl ecparam -genkey -name prime256v1 -noout`, then `openssl ec -aes128`.
    const TRADITIONAL: &str = "\
-----BEGIN EC PRIVATE KEY-----
Proc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,5E7680ED9A3A49AEEECF9EBE91D4D7B2

jQGALvWb2rCVcmu/hnRsl2w1s81Un4M8YVIq0uI5p6WmfNIGGVIbqja1Pt4YA6RB
ZlKeF3fkud/eP+VGbtq+oDSEZAvV3JCv6Q+rLgknefyq9XBznEvuTJ1AyRJ19zK7
BZP1q/KXLgvMcblh72d8k2/9i2Or1Ot08h8LGuhuJso=
-----END EC PRIVATE KEY-----
";
    /// The same key, by `openssl pkcs8 -topk8`.
    const PKCS8: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiVbcK8I2+rtQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEJyyqmwWqkZ/C37JcmOTeKAEgZCs
KekbbaIMXjuGrmTrp8odH97pg+cqBgv7irP4zX11xNrYuaNGMaRqxyiPSHRulMx8
3ce4bvyl7AYwR4uTNMNfFVm/ce39w4L1pyhKph2NDyKxff8R27jKtAgdcvHr8v92
IYRBk+oN2MZLqX+epSEiE/ybcBEu9A32TBG/F+Mn4l9qK1CdqyqiY9F9VuC/pDo=
-----END ENCRYPTED PRIVATE KEY-----
";

    #[test]
    fn a_key_is_opened_by_whichever_password_of_a_file_fits() {
        for pem in [TRADITIONAL, PKCS8] {
            let key = open(pem.as_bytes(), "wrong\r\nsecret\r\n").unwrap();
            assert!(rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).is_ok());
            assert!(open(pem.as_bytes(), "wrong\n").is_none());
        }
        assert!(open(b"", "secret").is_none());
    }
}
