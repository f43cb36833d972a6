//! Who may make a request.

use ebb_sources::http_api::{Authorizer, Definition, RestDefinition, RestMatch, Route};

use super::authorizer;
use super::call::{ApiCall, Routed};
use super::decided::Decided;
use super::jwt::{BadToken, Token};
use super::refusal::ApiRefusal;
use super::variables;
use crate::edge::Edge;
use crate::ports::{Caller, SignedRequest};

/// A request that may go on, with what is known of whoever made it.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// What the authorizer adds.
    pub(crate) decided: Option<Decided>,
    /// Who signed.
    pub(crate) caller: Option<Caller>,
    /// The API key that the authorizer found.
    pub(crate) usage_key: Option<String>,
}

/// Asks whoever a route of an HTTP API says.
pub(crate) async fn http(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (definition, route): (&Definition, &Route),
) -> Result<Passed, ApiRefusal> {
    let authorizer = || {
        let found = route.authorizer_id.as_deref().and_then(|id| definition.authorizer(id));
        found.ok_or(ApiRefusal::NotCallable)
    };
    let decided = match route.authorization_type.as_str() {
        "NONE" => return Ok(Passed::default()),
        "AWS_IAM" => return signed(edge, call, ApiRefusal::Forbidden),
        "JWT" => token(call, routed, authorizer()?, route.authorization_scopes.as_deref()).await?,
        "CUSTOM" => authorizer::http(edge, call, routed, authorizer()?).await?,
        other => return Err(ApiRefusal::NotBuilt(format!("authorizers of the type {other}"))),
    };
    Ok(Passed { decided: Some(decided), ..Passed::default() })
}

/// Asks whoever a method of a REST API says.
pub(crate) async fn rest(
    edge: &Edge,
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    (definition, matched): (&RestDefinition, &RestMatch<'_>),
) -> Result<Passed, ApiRefusal> {
    match matched.method.authorization_type.as_str() {
        "NONE" => Ok(Passed::default()),
        "AWS_IAM" => signed(edge, call, ApiRefusal::NoRoute),
        "CUSTOM" => {
            let found = matched.method.authorizer_id.as_deref().and_then(|id| definition.authorizer(id));
            let found = found.ok_or(ApiRefusal::NotCallable)?;
            let (decided, usage_key) = authorizer::rest(edge, call, routed, found, matched).await?;
            Ok(Passed { decided: Some(decided), caller: None, usage_key })
        }
        other => Err(ApiRefusal::NotBuilt(format!("authorizers of the type {other}"))),
    }
}

/// Whoever signs with a key of this account may call.
pub(crate) fn signed(edge: &Edge, call: &ApiCall<'_>, unsigned: ApiRefusal) -> Result<Passed, ApiRefusal> {
    let parts = call.parts;
    let (method, uri, headers) = (&parts.method, &parts.uri, &parts.headers);
    let request = SignedRequest { method, uri, headers, body: &call.body, service: "execute-api" };
    let caller = edge.authenticator.authenticate(&request).map_err(|error| {
        tracing::info!(request_id = %call.id, %error, "a signed route was called without a valid signature");
        if parts.headers.contains_key(::http::header::AUTHORIZATION) {
            ApiRefusal::Forbidden
        } else {
            unsigned
        }
    })?;
    if caller.account != edge.config.account {
        return Err(ApiRefusal::Forbidden);
    }
    Ok(Passed { caller: Some(caller), ..Passed::default() })
}

/// Whoever has a token of the issuer for this API may call.
async fn token(
    call: &ApiCall<'_>,
    routed: &Routed<'_>,
    authorizer: &Authorizer,
    scopes: Option<&[String]>,
) -> Result<Decided, ApiRefusal> {
    let wanted = authorizer.jwt_configuration.as_ref().ok_or(ApiRefusal::NotCallable)?;
    let mut sources = authorizer.identity_source.iter();
    let found = sources.find_map(|source| variables::value(call, routed, source));
    let Some(text) = found.filter(|text| !text.is_empty()) else {
        return Err(ApiRefusal::Unauthorized(Some("Bearer".to_owned())));
    };
    let text = match text.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => text.trim(),
    };
    let refused = |error: BadToken| {
        tracing::info!(request_id = %call.id, %error, "a token was refused");
        let about = format!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"{error}\"");
        ApiRefusal::Unauthorized(Some(about))
    };
    let token = Token::read(text).map_err(refused)?;
    token.check_claims(wanted, call.now).map_err(refused)?;
    let shared = call.shared;
    let keys = shared.issuers.keys(&shared.upstream, &wanted.issuer, token.key_id(), call.now).await;
    let keys = keys.map_err(|error| {
        tracing::warn!(request_id = %call.id, error, "the keys of an issuer could not be read");
        ApiRefusal::NotCallable
    })?;
    let mut checked = Err(BadToken("the token is signed with a key that its issuer does not have"));
    for key in &keys {
        checked = token.check_signature(key);
        if checked.is_ok() {
            break;
        }
    }
    checked.map_err(refused)?;
    let own = token.scopes();
    let wanted = scopes.filter(|scopes| !scopes.is_empty());
    if let Some(wanted) = wanted
        && !wanted.iter().any(|scope| own.contains(scope))
    {
        tracing::info!(request_id = %call.id, "a token has none of the scopes of its route");
        return Err(ApiRefusal::Forbidden);
    }
    Ok(Decided::Token { claims: token.shown_claims(), scopes: wanted.map(|_| own) })
}
