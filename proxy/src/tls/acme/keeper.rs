//! One certificate, kept fresh: taken from its file, ordered when it is due, and ordered again after a failure.

use super::failure::Failure;
use super::issuer::Issuer;
use super::store::{Stamp, Store};
use super::wanted::Wanted;
use super::{account, order, schedule, temporary};
use crate::observe::in_words;
use crate::tls::Certificate;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use vordr_rules::table::AcmeChallenge;

/// How often the file is looked at for what another vordr, or an operator, did with it.
const LOOK: Duration = Duration::from_secs(5);
/// How often while another vordr orders.
const LOOK_AT_ORDER: Duration = Duration::from_secs(1);

/// Keeps one certificate.
pub(super) struct Keeper {
    issuer: Arc<Issuer>,
    wanted: Wanted,
    file: String,
    /// Spreads renewals and attempts; between 0 and 1.
    chance: f64,
    /// Which content of the file is shown.
    shown: Option<Stamp>,
    /// When the certificate is to be ordered.
    due: SystemTime,
    /// Orders that failed in a row.
    failures: u32,
    /// Those that the issuer refused: each has the next challenge tried.
    refusals: usize,
    /// Another vordr orders, and this was said.
    waits: bool,
    /// Why the file cannot be read, as it was said.
    unreadable: Option<String>,
}

impl Keeper {
    /// Shows what is stored, or else a certificate of one's own.
    pub(super) fn new(issuer: Arc<Issuer>, wanted: Wanted) -> Self {
        let mut keeper = Self {
            file: Store::certificate_file(wanted.name()),
            issuer,
            wanted,
            chance: fastrand::f64(),
            shown: None,
            due: SystemTime::UNIX_EPOCH,
            failures: 0,
            refusals: 0,
            waits: false,
            unreadable: None,
        };
        keeper.look();
        keeper.cover();
        keeper
    }

    /// Shows a certificate of one's own for the hosts that have none.
    fn cover(&self) {
        let certificates = &self.issuer.answers.certificates;
        let is_bare = |name: &&String| certificates.of_host(name).is_none();
        let bare: Vec<_> = self.wanted.names.iter().filter(is_bare).cloned().collect();
        if bare.is_empty() {
            return;
        }
        let (log, names) = (self.issuer.log(), bare.join(" "));
        let fields = [("server", self.wanted.name()), ("names", &names)];
        match temporary::self_signed(&bare) {
            Ok(certificate) => {
                certificates.put(&bare, certificate);
                log.warn("a self-signed certificate is shown until one is issued", &fields);
            }
            Err(failure) => {
                log.error("no certificate is shown", &[fields[0], ("reason", &failure.to_string())])
            }
        }
    }

    /// Keeps it, for ever.
    pub(super) async fn keep(mut self) {
        loop {
            self.wait_until(self.due).await;
            if self.due > SystemTime::now() {
                continue;
            }
            match self.renew().await {
                Ok(()) => {}
                Err(failure) => self.failed(&failure).await,
            }
        }
    }

    /// Waits, but not beyond a change of the file.
    async fn wait_until(&mut self, time: SystemTime) {
        while let Ok(left) = time.duration_since(SystemTime::now()) {
            tokio::time::sleep(left.min(LOOK)).await;
            if self.issuer.store.stamp(&self.file) != self.shown {
                return self.look();
            }
        }
    }

    /// Takes the file as it is now.
    fn look(&mut self) {
        let stamp = self.issuer.store.stamp(&self.file);
        let gone = self.shown.is_some() && stamp.is_none();
        let read = match self.issuer.store.read(&self.file) {
            Ok(read) => read,
            Err(error) => return self.cannot_read(&error.to_string()),
        };
        self.unreadable = None;
        self.shown = stamp;
        match read.and_then(|bytes| self.parse(&bytes)) {
            Some(certificate) => self.show(certificate),
            None => {
                self.due = SystemTime::UNIX_EPOCH;
                // It may have been set aside.
                self.shown = self.issuer.store.stamp(&self.file);
            }
        }
        if gone {
            let file = self.issuer.store.path(&self.file).display().to_string();
            let fields = [("server", self.wanted.name()), ("file", &file)];
            self.issuer.log().warn("the stored certificate is gone; a new one is ordered", &fields);
        }
    }

    /// What may be a good certificate is neither moved away nor ordered anew: it is looked at again in a while.
    fn cannot_read(&mut self, reason: &str) {
        self.shown = None;
        self.due = self.due.max(SystemTime::now() + LOOK);
        if self.unreadable.as_deref() != Some(reason) {
            let file = self.issuer.store.path(&self.file).display().to_string();
            let fields = [("server", self.wanted.name()), ("file", &file), ("reason", reason)];
            self.issuer.log().error("the stored certificate cannot be read; it is tried again", &fields);
            self.unreadable = Some(reason.to_owned());
        }
    }

    /// The stored certificate; what is damaged is set aside.
    fn parse(&self, bytes: &[u8]) -> Option<Certificate> {
        let parsed = Certificate::from_pem(bytes, bytes);
        parsed.map_err(|flaw| self.issuer.set_aside(&self.file, &flaw.to_string())).ok()
    }

    /// Shows a stored certificate for those hosts that it covers; a host that it lacks makes it due.
    fn show(&mut self, certificate: Certificate) {
        let covered: Vec<_> =
            self.wanted.names.iter().filter(|name| certificate.covers(name)).cloned().collect();
        let due = schedule::renewal(certificate.not_before(), certificate.not_after(), self.chance);
        self.due = if covered.len() == self.wanted.names.len() { due } else { SystemTime::UNIX_EPOCH };
        let (name, names) = (self.wanted.name(), covered.join(" "));
        let (until, renewed) = (in_words(certificate.not_after()), in_words(self.due.max(SystemTime::now())));
        let fields = [("server", name), ("names", &names), ("until", &until), ("renewed", &renewed)];
        self.issuer.log().info("a certificate from ACME is shown", &fields);
        self.issuer.answers.certificates.put(&covered, certificate);
    }

    /// Orders, unless another vordr does or did.
    async fn renew(&mut self) -> Result<(), Failure> {
        let issuer = self.issuer.clone();
        // The semaphore is never closed.
        let _place = issuer.places.acquire().await.map_err(Failure::state)?;
        let Some(_lock) = issuer.store.lock(&self.file).map_err(Failure::state)? else {
            self.wait_for_other().await;
            return Ok(());
        };
        if issuer.store.stamp(&self.file) != self.shown {
            self.look();
            return Ok(());
        }
        self.waits = false;
        let text = self.order().await?;
        let certificate = Certificate::from_pem(text.as_bytes(), text.as_bytes())
            .map_err(|flaw| Failure::refused(format!("what the issuer sent cannot be used: {flaw}")))?;
        (self.failures, self.refusals) = (0, 0);
        issuer.observer.metrics.acme_renewed(true);
        self.store(&text);
        let earliest =
            schedule::earliest(SystemTime::now(), certificate.not_before(), certificate.not_after());
        self.show(certificate);
        self.due = self.due.max(earliest);
        Ok(())
    }

    /// Keeps what was issued. Where that fails it is shown all the same: to order it again would help nobody.
    fn store(&mut self, text: &str) {
        if let Err(error) = self.issuer.store.write(&self.file, text.as_bytes()) {
            let (file, reason) = (self.issuer.store.path(&self.file), error.to_string());
            let file = file.display().to_string();
            let fields = [("server", self.wanted.name()), ("file", &file), ("reason", &reason)];
            self.issuer.log().error("the certificate cannot be kept for the next start", &fields);
        }
        self.shown = self.issuer.store.stamp(&self.file);
    }

    async fn wait_for_other(&mut self) {
        if !self.waits {
            self.waits = true;
            let fields = [("server", self.wanted.name())];
            self.issuer
                .log()
                .info("another vordr orders this certificate; its result is waited for", &fields);
        }
        tokio::time::sleep(LOOK_AT_ORDER).await;
    }

    async fn order(&self) -> Result<String, Failure> {
        let challenge = self.challenge();
        let names = self.wanted.names.join(" ");
        self.issuer.log().info(
            "a certificate is ordered",
            &[
                ("server", self.wanted.name()),
                ("names", &names),
                ("challenge", challenge.name()),
                ("directory", &self.issuer.terms.directory),
            ],
        );
        let issuer = &self.issuer;
        let https = issuer.https.apart();
        let ordering = async {
            let account = account::open(issuer, &https).await?;
            order::place(&account, &self.wanted.names, challenge, &issuer.answers).await
        };
        let outcome = ordering.await.map_err(|failure| failure.after(https.take_retry_after()));
        if outcome.as_ref().is_err_and(Failure::account_is_unknown) {
            account::forget(issuer);
        }
        outcome
    }

    /// After a refusal the next challenge is tried.
    fn challenge(&self) -> AcmeChallenge {
        let known = &self.wanted.challenges;
        known.get(self.refusals % known.len().max(1)).copied().unwrap_or(AcmeChallenge::TlsAlpn01)
    }

    async fn failed(&mut self, failure: &Failure) {
        self.failures = self.failures.saturating_add(1);
        self.refusals += usize::from(failure.is_refusal());
        self.issuer.observer.metrics.acme_renewed(false);
        let pause = schedule::pause(failure, self.failures, self.chance);
        let (reason, again) = (failure.to_string(), in_words(SystemTime::now() + pause));
        let fields = [("server", self.wanted.name()), ("reason", &reason), ("again", &again)];
        self.issuer.log().error("no certificate was issued", &fields);
        self.wait_until(SystemTime::now() + pause).await;
    }
}
