//! What is put right in an upstream's answer: the addresses that it names, and its cookies.

use super::PathRegex;
use crate::placeholder::Template;

/// `location-fix`: what becomes of `Location` and `Refresh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LocationFix {
    /// They stay as they came.
    Off,
    /// The upstream's own address becomes the public one, and is dropped from cookies.
    Auto,
    /// The first of these that fits; never empty.
    Own(Vec<Replacement>),
}

/// A value, or its beginning, that gives way to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// What it is looked for by.
    pub from: Wanted,
    /// What takes its place; captures are those of its own regex, where it has one.
    pub to: Template,
}

/// What is looked for in a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The value begins with this text, which alone is replaced. A domain is this text.
    Text(Template),
    /// The regex is found somewhere in the value, which is replaced as a whole.
    Regex(PathRegex),
}

/// What becomes of an upstream's cookies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CookieFix {
    /// `cookie-domain`: the first that fits.
    pub domains: Vec<Replacement>,
    /// `cookie-path`: the first that fits.
    pub paths: Vec<Replacement>,
    /// `cookie-flags`: the first whose name fits.
    pub flags: Vec<CookieFlags>,
}

impl CookieFix {
    /// Whether it leaves every cookie as it came.
    pub fn is_empty(&self) -> bool {
        self.domains.is_empty() && self.paths.is_empty() && self.flags.is_empty()
    }
}

/// Flags of a cookie; `None` leaves one as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieFlags {
    /// Which cookies: by name, whatever its case, or by regex.
    pub of: Wanted,
    /// `Secure`, or none.
    pub secure: Option<bool>,
    /// `HttpOnly`, or none.
    pub http_only: Option<bool>,
    /// `SameSite`.
    pub same_site: Option<SameSite>,
    /// What a request adds to them: flags in words, with spaces between them.
    pub filled: Option<Template>,
}

impl CookieFlags {
    /// Takes a flag by nginx's word for it: `secure`, `nosecure`, `samesite=lax`; whether it is one.
    pub fn set(&mut self, word: &str) -> bool {
        match word.to_ascii_lowercase().as_str() {
            "secure" => self.secure = Some(true),
            "nosecure" => self.secure = Some(false),
            "httponly" => self.http_only = Some(true),
            "nohttponly" => self.http_only = Some(false),
            "nosamesite" => self.same_site = Some(SameSite::Off),
            other => {
                let known = other.strip_prefix("samesite=").filter(|value| *value != "off");
                let Some((_, same_site)) = SameSite::NAMES.iter().find(|(name, _)| Some(*name) == known)
                else {
                    return false;
                };
                self.same_site = Some(*same_site);
            }
        }
        true
    }
}

/// What `SameSite` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SameSite {
    /// `SameSite=Strict`
    Strict,
    /// `SameSite=Lax`
    Lax,
    /// `SameSite=None`
    None,
    /// The attribute is taken away.
    Off,
}

impl SameSite {
    /// All of them, by the words of the rules.
    pub const NAMES: [(&'static str, Self); 4] =
        [("strict", Self::Strict), ("lax", Self::Lax), ("none", Self::None), ("off", Self::Off)];

    /// As it stands in a cookie; `None` where it is taken away.
    pub fn value(self) -> Option<&'static str> {
        match self {
            Self::Strict => Some("Strict"),
            Self::Lax => Some("Lax"),
            Self::None => Some("None"),
            Self::Off => None,
        }
    }

    /// The word of the rules.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, known)| *known == self).map_or("off", |(name, _)| name)
    }
}
