//! One order, from the names to the chain (RFC 8555, section 7.4).

use super::answers::{Answering, Answers};
use super::failure::{Failure, words};
use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, ChallengeType, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use std::time::Duration;
use vordr_rules::table::AcmeChallenge;

/// How long the issuer may take to look at the challenges, and to issue. It says itself how often to ask.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(180));

/// Gets a certificate for these names: its key and its chain, in PEM, in one text.
pub(super) async fn place(
    account: &Account,
    names: &[String],
    challenge: AcmeChallenge,
    answers: &Answers,
) -> Result<String, Failure> {
    let identifiers: Vec<_> = names.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
    let answering = answer_all(&mut order, challenge, answers).await?;
    prove(&mut order).await?;
    drop(answering);
    let key = order.finalize().await?;
    let chain = order.poll_certificate(&PATIENCE).await?;
    Ok(key + &chain)
}

/// Answers the challenge for each name that the issuer has not seen to before.
async fn answer_all(
    order: &mut Order,
    challenge: AcmeChallenge,
    answers: &Answers,
) -> Result<Vec<Answering>, Failure> {
    let mut answering = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let authorization = authorization?;
        match authorization.status {
            AuthorizationStatus::Valid => {}
            AuthorizationStatus::Pending => answering.push(answer(authorization, challenge, answers).await?),
            other => return Err(Failure::refused(format!("the issuer holds an authorization as {other:?}"))),
        }
    }
    Ok(answering)
}

async fn answer(
    mut authorization: AuthorizationHandle<'_>,
    challenge: AcmeChallenge,
    answers: &Answers,
) -> Result<Answering, Failure> {
    let name = authorization.identifier().to_string();
    let kind = match challenge {
        AcmeChallenge::Http01 => ChallengeType::Http01,
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
    };
    let Some(mut asked) = authorization.challenge(kind) else {
        return Err(Failure::refused(format!("the issuer offers no {} for {name}", challenge.name())));
    };
    let answering = answers.give(challenge, &name, &asked.token, &asked.key_authorization())?;
    asked.set_ready().await?;
    Ok(answering)
}

/// Waits until the issuer has looked at every challenge.
async fn prove(order: &mut Order) -> Result<(), Failure> {
    let outcome = match order.poll_ready(&PATIENCE).await {
        Ok(OrderStatus::Ready) => return Ok(()),
        Ok(_) => Failure::refused("the issuer does not say why"),
        Err(error) => Failure::from(error),
    };
    // The order's own problem says that a challenge failed; the challenge's says why.
    match reasons(order).await {
        reasons if reasons.is_empty() => Err(outcome),
        reasons => Err(Failure::refused(reasons.join("; ")).after(outcome.retry_after())),
    }
}

/// Each name whose challenge failed, with the issuer's reason.
async fn reasons(order: &mut Order) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        if authorization.refresh().await.is_err() {
            continue;
        }
        let name = authorization.identifier().to_string();
        let problems = authorization.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        reasons.extend(problems.map(|problem| format!("{name}: {}", words(problem))));
    }
    reasons
}
