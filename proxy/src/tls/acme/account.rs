//! The account with the issuer: opened from its file, or made.

use super::failure::Failure;
use super::https::Https;
use super::issuer::Issuer;
use super::store::ACCOUNT;
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, NO_PAD};
use base64::{alphabet, engine::DecodePaddingMode};
use instant_acme::{Account, AccountCredentials, ExternalAccountKey, NewAccount};
use std::time::Duration;

/// Base64url as issuers print it, with padding or without.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::with_decode_padding_mode(NO_PAD, DecodePaddingMode::Indifferent),
);

/// How often the file is looked for while another vordr makes the account.
const POLL: Duration = Duration::from_millis(200);

/// What the file holds.
struct Kept {
    contacts: Vec<String>,
    credentials: AccountCredentials,
    /// The external account that it is bound to, if any; `None` where that was not kept.
    external: Option<Option<String>>,
}

/// Opens the account, making it where there is none. Of several vordr one makes it.
pub(super) async fn open(issuer: &Issuer, https: &Https) -> Result<Account, Failure> {
    loop {
        if let Some(kept) = kept(issuer)? {
            match of_another(&kept, issuer) {
                Some(reason) => give_up(issuer, &reason)?,
                None => return reopen(issuer, https, kept).await,
            }
        }
        match issuer.store.lock(ACCOUNT).map_err(Failure::state)? {
            // It may have been made between the look and the lock.
            Some(_lock) if issuer.store.stamp(ACCOUNT).is_none() => return make(issuer, https).await,
            Some(_) => {}
            None => tokio::time::sleep(POLL).await,
        }
    }
}

/// Whether an account is bound to another external account than the rules name: an issuer binds one when it is made.
fn of_another(kept: &Kept, issuer: &Issuer) -> Option<String> {
    let (bound, named) = (kept.external.as_ref()?.as_ref(), named(issuer)?);
    (bound != Some(named))
        .then(|| format!("it is not bound to the external account `{named}` that the rules name"))
}

fn named(issuer: &Issuer) -> Option<&String> {
    issuer.terms.external.as_ref().map(|external| &external.key_id)
}

/// The issuer no longer knows the account.
pub(super) fn forget(issuer: &Issuer) {
    issuer.set_aside(ACCOUNT, "the issuer does not know this account");
}

async fn reopen(issuer: &Issuer, https: &Https, kept: Kept) -> Result<Account, Failure> {
    let bound = kept.external.as_ref().map_or(named(issuer), Option::as_ref);
    let text = text(&issuer.terms.contacts, &kept.credentials, bound)?;
    let account =
        Account::builder_with_http(Box::new(https.clone())).from_credentials(kept.credentials).await?;
    if kept.contacts != issuer.terms.contacts {
        let contacts: Vec<&str> = issuer.terms.contacts.iter().map(String::as_str).collect();
        account.update_contacts(&contacts).await?;
    }
    if kept.contacts != issuer.terms.contacts || kept.external.is_none() {
        write(issuer, &text)?;
    }
    Ok(account)
}

async fn make(issuer: &Issuer, https: &Https) -> Result<Account, Failure> {
    let contacts: Vec<&str> = issuer.terms.contacts.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
    let external = issuer.terms.external.as_ref().map(|external| {
        let key =
            BASE64URL.decode(&external.key).map_err(|_| Failure::state("`eab-key` is not base64url"))?;
        Ok::<_, Failure>(ExternalAccountKey::new(external.key_id.clone(), &key))
    });
    let (account, credentials) = Account::builder_with_http(Box::new(https.clone()))
        .create(&new, issuer.terms.directory.clone(), external.transpose()?.as_ref())
        .await?;
    write(issuer, &text(&issuer.terms.contacts, &credentials, named(issuer))?)?;
    issuer.log().info("an account was made with the issuer", &[("directory", &issuer.terms.directory)]);
    Ok(account)
}

/// The file's content; a damaged one is set aside.
fn kept(issuer: &Issuer) -> Result<Option<Kept>, Failure> {
    let path = issuer.store.path(ACCOUNT);
    let read = issuer.store.read(ACCOUNT);
    let Some(bytes) =
        read.map_err(|error| Failure::state(format!("cannot read {}: {error}", path.display())))?
    else {
        return Ok(None);
    };
    let kept = parse(&bytes);
    if kept.is_none() {
        give_up(issuer, "it does not hold an account")?;
    }
    Ok(kept)
}

/// Sets the file aside; where that cannot be done, there is no use in looking at it again at once.
fn give_up(issuer: &Issuer, reason: &str) -> Result<(), Failure> {
    let path = issuer.store.path(ACCOUNT);
    match issuer.set_aside(ACCOUNT, reason) {
        true => Ok(()),
        false => Err(Failure::state(format!("{}: {reason}, and it cannot be set aside", path.display()))),
    }
}

/// The credentials in the file's content.
pub(super) fn credentials(bytes: &[u8]) -> Option<AccountCredentials> {
    parse(bytes).map(|kept| kept.credentials)
}

fn parse(bytes: &[u8]) -> Option<Kept> {
    let mut file: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    Some(Kept {
        contacts: serde_json::from_value(file.get_mut("contacts")?.take()).ok()?,
        credentials: serde_json::from_value(file.get_mut("credentials")?.take()).ok()?,
        external: file.get("external").map(|name| name.as_str().map(str::to_owned)),
    })
}

fn text(
    contacts: &[String],
    credentials: &AccountCredentials,
    external: Option<&String>,
) -> Result<serde_json::Value, Failure> {
    let credentials = serde_json::to_value(credentials).map_err(Failure::state)?;
    Ok(serde_json::json!({ "contacts": contacts, "credentials": credentials, "external": external }))
}

fn write(issuer: &Issuer, text: &serde_json::Value) -> Result<(), Failure> {
    let path = issuer.store.path(ACCOUNT);
    let written = issuer.store.write(ACCOUNT, format!("{text:#}\n").as_bytes());
    written.map_err(|error| Failure::state(format!("cannot write {}: {error}", path.display())))
}
