//! Private keys that are encrypted with a password.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use pkcs8::EncryptedPrivateKeyInfo;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer};

/// A key is encrypted, and stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Locked;

/// Opens an encrypted key, the first one among whatever a file has, by the first password that fits, one a line; `None`
/// where the key is not encrypted.
pub(super) fn open(pem: &[u8], passwords: &[u8]) -> Result<Option<PrivateKeyDer<'static>>, Locked> {
    // What stands around the blocks is for people, in whatever they write.
    let pem = String::from_utf8_lossy(pem);
    let Some((label, body)) = first_key(&pem).filter(|(label, body)| is_locked(label, body)) else {
        return Ok(None);
    };
    let mut passwords = passwords.split(|byte| *byte == b'\n');
    let opened = passwords.find_map(|line| by_one((label, body), line.strip_suffix(b"\r").unwrap_or(line)));
    opened.map(Some).ok_or(Locked)
}

/// What the first block of PEM is called that has a private key, and what is in it.
fn first_key(pem: &str) -> Option<(&str, &str)> {
    let mut rest = pem;
    loop {
        let (_, block) = rest.split_once("-----BEGIN ")?;
        let (label, block) = block.split_once("-----")?;
        let (body, behind) = block.split_once("-----END ")?;
        if label.ends_with("PRIVATE KEY") {
            return Some((label, body));
        }
        rest = behind;
    }
}

fn is_locked(label: &str, body: &str) -> bool {
    label == "ENCRYPTED PRIVATE KEY" || body.contains("DEK-Info: ")
}

fn by_one((label, body): (&str, &str), password: &[u8]) -> Option<PrivateKeyDer<'static>> {
    match label {
        "ENCRYPTED PRIVATE KEY" => {
            let sealed = decoded(body)?;
            let key = EncryptedPrivateKeyInfo::try_from(&*sealed).ok()?.decrypt(password).ok()?;
            Some(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
        }
        "RSA PRIVATE KEY" => Some(PrivatePkcs1KeyDer::from(traditional(body, password)?).into()),
        "EC PRIVATE KEY" => Some(PrivateSec1KeyDer::from(traditional(body, password)?).into()),
        _ => None,
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text.split_whitespace().collect::<String>()).ok()
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
    let mut sealed = decoded(text)?;
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

    /// By `openssl pkcs8 -topk8 -v2 des3`.
    const TRIPLE_DES: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHjME4GCSqGSIb3DQEFDTBBMCkGCSqGSIb3DQEFDDAcBAhjKXinTugUTwICCAAw
DAYIKoZIhvcNAgkFADAUBggqhkiG9w0DBwQIa/IhiZkLGJ8EgZCdEc7/r2+DyrEw
HZL8xu5TV/+yroD2EFc+k6nDHweifCIMZMxBpuleY/4MJABIYt71WTq2Y414Y4ks
jFFr7S+SVqdzp5bj84MnFXHAcKMnCWohE9tbIGXXoG3cLLURKEagi/otLfBKvs+W
IvO+ly3HJUUMnEDEpyGk20pYZXw3tWbHXIr0yGGm/qoFyecsNcg=
-----END ENCRYPTED PRIVATE KEY-----
";
    /// By `openssl pkcs8 -topk8 -v2 aes128 -v2prf hmacWithSHA1`.
    const SHA1: &str = "\
-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHeMEkGCSqGSIb3DQEFDTA8MBsGCSqGSIb3DQEFDDAOBAjNeU91sLm0TgICCAAw
HQYJYIZIAWUDBAECBBBcH67bm8Gd7YmbGT4Drq0mBIGQroE7/Ip2DFsxPH9fqaMp
WVpq9jbgxMyAwCbisvBLhy9gOWnsevHQuiD7gK5tv3RgyvF9H3C/YheaILMn/Ui0
jrkQSdmd9Y4oR8H529g1iX2mJzHLza8w9CDfOqyQ9qsbn2cWmxLK1l1sg5VlrPeI
ZkJJD78yhZgnM64AcYlyQc2Sj54V4pNGkYZ4lEQaNShJ
-----END ENCRYPTED PRIVATE KEY-----
";

    fn opens(pem: &[u8], passwords: &[u8]) -> bool {
        let key = open(pem, passwords).unwrap().unwrap();
        rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).is_ok()
    }

    #[test]
    fn a_key_is_opened_by_whichever_password_of_a_file_fits() {
        for pem in [TRADITIONAL, PKCS8, TRIPLE_DES, SHA1] {
            assert!(opens(pem.as_bytes(), b"wrong\r\nsecret\r\n"), "{pem}");
            assert!(opens(pem.replace('\n', "\r\n").as_bytes(), b"\xfc\nsecret"), "{pem}");
            assert_eq!(open(pem.as_bytes(), b"wrong\n"), Err(Locked));
        }
        assert_eq!(open(b"", b"secret"), Ok(None));
    }

    #[test]
    fn a_key_is_found_behind_whatever_else_its_file_has() {
        let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let curve = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        for pem in [TRADITIONAL, PKCS8] {
            let before = [certificate.as_bytes(), b"friendlyName: B\xfccher\n", curve.as_bytes()];
            assert!(opens(&[before.concat(), pem.as_bytes().to_vec()].concat(), b"secret"));
        }
    }

    #[test]
    fn a_key_that_is_not_encrypted_needs_no_password() {
        let plain = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
        assert_eq!(open((plain.to_owned() + PKCS8).as_bytes(), b"secret"), Ok(None));
        assert_eq!(open(b"-----BEGIN PRIVATE KEY", b"secret"), Ok(None));
    }
}
