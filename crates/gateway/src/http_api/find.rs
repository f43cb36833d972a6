//! Which API, and which stage of it, a host and a path stand for.

use ebb_sources::http_api::{Api, DEFAULT_STAGE, HttpApis, Protocol};
use http::request::Parts;

use super::websocket::is_upgrade;

/// An API, and how it was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) api: Api,
    /// The stage's name; none where the path names none that there is.
    pub(crate) stage: Option<String>,
    /// The path as sent, without the stage.
    pub(crate) path: String,
    /// Whether the stage stands in the path that functions see.
    pub(crate) stage_in_path: bool,
    /// The host without port.
    pub(crate) domain: String,
}

/// The API at `ID.execute-api.REGION.<domain>`, where stages are the first segment of the path.
pub(crate) fn at_own_host(apis: &HttpApis, id: &str, parts: &Parts, domain: &str) -> Option<Found> {
    let api = apis.find(id)?;
    let path = parts.uri.path();
    let rest = path.strip_prefix('/').unwrap_or(path);
    let (first, after) = match rest.split_once('/') {
        Some((first, after)) => (first, format!("/{after}")),
        None => (rest, "/".to_owned()),
    };
    let (named, default) = match &api {
        // Those that are for their own domains only have no stage here.
        Api::Http(api) if api.disable_execute_api_endpoint => (false, false),
        Api::Rest(api) if api.disable_execute_api_endpoint => (false, false),
        Api::Http(api) => (api.stage(first).is_some(), api.stage(DEFAULT_STAGE).is_some()),
        Api::Rest(api) => (api.stage(first).is_some(), false),
    };
    let domain = domain.to_owned();
    Some(if named && first != DEFAULT_STAGE {
        Found { api, stage: Some(first.to_owned()), path: after, stage_in_path: true, domain }
    } else {
        let stage = default.then(|| DEFAULT_STAGE.to_owned());
        Found { api, stage, path: path.to_owned(), stage_in_path: false, domain }
    })
}

/// A WebSocket API at the host of its app: at `/`, or at `/STAGE` as at its own host.
fn socket_of(api: &Api, path: &str, domain: &str) -> Option<Found> {
    let Api::Http(http) = api else { return None };
    if http.protocol_type != Protocol::WebSocket {
        return None;
    }
    let stage = match path.trim_matches('/') {
        "" => http.stages.first(),
        name => http.stage(name),
    };
    Some(Found {
        api: api.clone(),
        stage: Some(stage?.stage_name.clone()),
        path: "/".to_owned(),
        stage_in_path: true,
        domain: domain.to_owned(),
    })
}

/// The API of an app that takes this request, without a stage in the path; nothing where none does. Routes for
/// everything else (`$default`) are asked last, and preflights go to the first API that answers them by itself.
pub(crate) fn of_app(apis: &HttpApis, app: &str, parts: &Parts, domain: &str) -> Option<Found> {
    let own = apis.of_app(app);
    let (method, path) = (parts.method.as_str(), parts.uri.path());
    let found = |api: &Api, stage: &str| Found {
        api: api.clone(),
        stage: Some(stage.to_owned()),
        path: path.to_owned(),
        stage_in_path: false,
        domain: domain.to_owned(),
    };
    if is_upgrade(parts)
        && let Some(socket) = own.iter().find_map(|api| socket_of(api, path, domain))
    {
        return Some(socket);
    }
    let mut default = None;
    let mut preflight = None;
    for api in &own {
        match api {
            Api::Http(http) => {
                if http.protocol_type == Protocol::WebSocket {
                    continue;
                }
                let Some(stage) = http.stage(DEFAULT_STAGE).or(http.stages.first()) else { continue };
                match http.served(stage).and_then(|definition| definition.route(method, path)) {
                    Some((_, matched)) if matched.is_default => {
                        default.get_or_insert_with(|| found(api, &stage.stage_name));
                    }
                    Some(_) => return Some(found(api, &stage.stage_name)),
                    None if http.cors_configuration.is_some() && super::cors::is_preflight(parts) => {
                        preflight.get_or_insert_with(|| found(api, &stage.stage_name));
                    }
                    None => {}
                }
            }
            Api::Rest(rest) => {
                let Some(stage) = rest.stages.first() else { continue };
                if rest.served(stage).is_some_and(|definition| definition.route(method, path).is_some()) {
                    return Some(found(api, &stage.stage_name));
                }
            }
        }
    }
    default.or(preflight)
}
