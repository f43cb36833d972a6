//! The home of all HTTP APIs.

use std::sync::Arc;

use ebb_invoker::Boxed;
use ebb_model::{AccountId, Clock, Region};
use ebb_store::{Change, Store, StoreError};

use super::connections::Connections;
use super::document::{Deployment, HttpApi};
use super::rest::RestApi;
use super::usage::{ApiKey, UsageCounts, UsagePlan};
use super::{HttpApiError, check, fresh_id};
use crate::registry::{Follow, Registry};

/// What the APIs are opened with.
pub struct HttpApisParts {
    /// Where they are kept.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Whose they are.
    pub account: AccountId,
    /// The region in their hosts and ARNs.
    pub region: Region,
}

/// All HTTP, WebSocket and REST APIs. Cheap to clone.
#[derive(Clone)]
pub struct HttpApis {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    clock: Arc<dyn Clock>,
    account: AccountId,
    region: Region,
    http: Registry<HttpApi>,
    rest: Registry<RestApi>,
    pub(super) keys: Registry<ApiKey>,
    pub(super) plans: Registry<UsagePlan>,
    pub(super) usage: UsageCounts,
    connections: Connections,
}

/// An API of either kind.
#[derive(Debug, Clone)]
pub enum Api {
    /// HTTP or WebSocket.
    Http(Arc<HttpApi>),
    /// REST.
    Rest(Arc<RestApi>),
}

impl Follow for HttpApis {
    fn follow(&self, change: Change) -> Boxed<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.inner.http.follow(change.clone()).await?;
            self.inner.rest.follow(change.clone()).await?;
            self.inner.keys.follow(change.clone()).await?;
            self.inner.plans.follow(change).await.map(drop)
        })
    }
}

impl HttpApis {
    /// Reads what there is.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open(parts: HttpApisParts) -> Result<Self, StoreError> {
        Ok(Self {
            inner: Arc::new(Inner {
                http: Registry::open(parts.store.clone(), "http-api").await?,
                rest: Registry::open(parts.store.clone(), "rest-api").await?,
                keys: Registry::open(parts.store.clone(), "api-key").await?,
                plans: Registry::open(parts.store, "usage-plan").await?,
                usage: UsageCounts::default(),
                connections: Connections::default(),
                clock: parts.clock,
                account: parts.account,
                region: parts.region,
            }),
        })
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> ebb_model::Timestamp {
        self.inner.clock.now()
    }

    /// The open connections of WebSocket APIs.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.inner.connections
    }

    /// Whose they are.
    #[must_use]
    pub fn account(&self) -> &AccountId {
        &self.inner.account
    }

    /// Where they are.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.inner.region
    }

    /// Makes an HTTP or WebSocket API, whole. Ids and times that are missing are filled in.
    ///
    /// # Errors
    /// [`HttpApiError::Invalid`], [`HttpApiError::Conflict`].
    pub async fn create(&self, mut api: HttpApi) -> Result<Arc<HttpApi>, HttpApiError> {
        if api.api_id.is_empty() {
            api.api_id = fresh_id(10);
        }
        api.created = self.now();
        self.fill(&mut api);
        check::http(&api)?;
        let id = api.api_id.clone();
        let made = self.inner.http.edit(&id, |before| match before {
            Some(_) => Err(HttpApiError::Conflict(format!("API {id} already exists"))),
            None => Ok(Some(api.clone())),
        });
        made.await?.ok_or_else(|| missing(&self.inner.account, &id))
    }

    /// Changes an HTTP or WebSocket API: whole, or not at all. `change` may be called several times.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`], those of `change`, and [`HttpApiError::Invalid`] or [`HttpApiError::Conflict`] for
    /// what comes of it.
    pub async fn edit(
        &self,
        id: &str,
        mut change: impl FnMut(&mut HttpApi) -> Result<(), HttpApiError>,
    ) -> Result<Arc<HttpApi>, HttpApiError> {
        let changed = self.inner.http.edit(id, |before| {
            let mut api = before.cloned().ok_or_else(|| missing(&self.inner.account, id))?;
            change(&mut api)?;
            self.fill(&mut api);
            check::http(&api)?;
            Ok::<_, HttpApiError>(Some(api))
        });
        changed.await?.ok_or_else(|| missing(&self.inner.account, id))
    }

    /// Puts another document in the place of one, which keeps its id and when it was made.
    ///
    /// # Errors
    /// As [`HttpApis::edit`].
    pub async fn replace(&self, id: &str, api: HttpApi) -> Result<Arc<HttpApi>, HttpApiError> {
        self.edit(id, |before| {
            *before = HttpApi { api_id: before.api_id.clone(), created: before.created, ..api.clone() };
            Ok(())
        })
        .await
    }

    /// Removes an API of either kind.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub async fn delete(&self, id: &str) -> Result<(), HttpApiError> {
        if self.inner.rest.get(id).is_some() {
            return self.inner.rest.edit(id, |_| Ok::<_, HttpApiError>(None)).await.map(drop);
        }
        self.http(id)?;
        self.inner.http.edit(id, |_| Ok::<_, HttpApiError>(None)).await.map(drop)
    }

    /// An HTTP or WebSocket API.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub fn http(&self, id: &str) -> Result<Arc<HttpApi>, HttpApiError> {
        self.inner.http.get(id).ok_or_else(|| missing(&self.inner.account, id))
    }

    /// All HTTP and WebSocket APIs, by id.
    #[must_use]
    pub fn all_http(&self) -> Vec<Arc<HttpApi>> {
        self.inner.http.all().values().cloned().collect()
    }

    /// Makes a REST API, whole. Ids and times that are missing are filled in.
    ///
    /// # Errors
    /// [`HttpApiError::Invalid`], [`HttpApiError::Conflict`].
    pub async fn create_rest(&self, mut api: RestApi) -> Result<Arc<RestApi>, HttpApiError> {
        if api.id.is_empty() {
            api.id = fresh_id(10);
        }
        api.created = self.now();
        self.fill_rest(&mut api);
        check::rest(&api)?;
        let id = api.id.clone();
        let made = self.inner.rest.edit(&id, |before| match before {
            Some(_) => Err(HttpApiError::Conflict(format!("API {id} already exists"))),
            None => Ok(Some(api.clone())),
        });
        made.await?.ok_or_else(|| missing(&self.inner.account, &id))
    }

    /// Changes a REST API: whole, or not at all. `change` may be called several times.
    ///
    /// # Errors
    /// As [`HttpApis::edit`].
    pub async fn edit_rest(
        &self,
        id: &str,
        mut change: impl FnMut(&mut RestApi) -> Result<(), HttpApiError>,
    ) -> Result<Arc<RestApi>, HttpApiError> {
        let changed = self.inner.rest.edit(id, |before| {
            let mut api = before.cloned().ok_or_else(|| missing(&self.inner.account, id))?;
            change(&mut api)?;
            self.fill_rest(&mut api);
            check::rest(&api)?;
            Ok::<_, HttpApiError>(Some(api))
        });
        changed.await?.ok_or_else(|| missing(&self.inner.account, id))
    }

    /// Puts another document in the place of one, which keeps its id and when it was made.
    ///
    /// # Errors
    /// As [`HttpApis::edit`].
    pub async fn replace_rest(&self, id: &str, api: RestApi) -> Result<Arc<RestApi>, HttpApiError> {
        self.edit_rest(id, |before| {
            *before = RestApi { id: before.id.clone(), created: before.created, ..api.clone() };
            Ok(())
        })
        .await
    }

    /// A REST API.
    ///
    /// # Errors
    /// [`HttpApiError::NotFound`].
    pub fn rest(&self, id: &str) -> Result<Arc<RestApi>, HttpApiError> {
        self.inner.rest.get(id).ok_or_else(|| missing(&self.inner.account, id))
    }

    /// All REST APIs, by id.
    #[must_use]
    pub fn all_rest(&self) -> Vec<Arc<RestApi>> {
        self.inner.rest.all().values().cloned().collect()
    }

    /// The API with this id, of either kind.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Api> {
        self.inner.http.get(id).map(Api::Http).or_else(|| self.inner.rest.get(id).map(Api::Rest))
    }

    /// The APIs of an app, in the order in which they are asked.
    #[must_use]
    pub fn of_app(&self, app: &str) -> Vec<Api> {
        let http = self.inner.http.all();
        let rest = self.inner.rest.all();
        let http = http.values().map(|api| (&api.app, &api.api_id, Api::Http(api.clone())));
        let rest = rest.values().map(|api| (&api.app, &api.id, Api::Rest(api.clone())));
        let mut own: Vec<(u32, String, Api)> = http
            .chain(rest)
            .filter_map(|(place, id, api)| {
                let place = place.as_ref().filter(|place| place.app == app)?;
                Some((place.order, id.clone(), api))
            })
            .collect();
        own.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        own.into_iter().map(|(_, _, api)| api).collect()
    }

    fn fill(&self, api: &mut HttpApi) {
        let now = self.now();
        let definition = &mut api.definition;
        let ids = (definition.routes.iter_mut().map(|one| &mut one.route_id))
            .chain(definition.integrations.iter_mut().map(|one| &mut one.integration_id))
            .chain(definition.authorizers.iter_mut().map(|one| &mut one.authorizer_id))
            .chain(definition.models.iter_mut().map(|one| &mut one.model_id));
        for id in ids.filter(|id| id.is_empty()) {
            *id = fresh_id(7);
        }
        for stage in &mut api.stages {
            if stage.created.millis() == 0 {
                (stage.created, stage.modified) = (now, now);
            }
            // A stage that follows every edit shows a deployment too: clients ask for it.
            if stage.auto_deploy && stage.deployment_id.is_none() {
                let id = fresh_id(6);
                api.deployments.push(Deployment {
                    deployment_id: id.clone(),
                    description: Some(
                        "Automatic deployment triggered by changes to the Api configuration".to_owned(),
                    ),
                    auto_deployed: true,
                    created: now,
                    definition: api.definition.clone(),
                });
                stage.deployment_id = Some(id);
            }
        }
        for deployment in &mut api.deployments {
            if deployment.deployment_id.is_empty() {
                deployment.deployment_id = fresh_id(6);
            }
            if deployment.created.millis() == 0 {
                deployment.created = now;
            }
        }
    }

    fn fill_rest(&self, api: &mut RestApi) {
        let now = self.now();
        let ids = (api.definition.authorizers.iter_mut().map(|one| &mut one.id))
            .chain(api.definition.models.iter_mut().map(|one| &mut one.model_id))
            .chain(api.definition.validators.iter_mut().map(|one| &mut one.id))
            .chain(api.deployments.iter_mut().map(|one| &mut one.id));
        for id in ids.filter(|id| id.is_empty()) {
            *id = fresh_id(6);
        }
        for resource in &mut api.definition.resources {
            for (name, method) in &mut resource.resource_methods {
                method.http_method.clone_from(name);
            }
        }
        for stage in &mut api.stages {
            if stage.created.millis() == 0 {
                (stage.created, stage.modified) = (now, now);
            }
        }
        for deployment in api.deployments.iter_mut().filter(|one| one.created.millis() == 0) {
            deployment.created = now;
        }
    }
}

fn missing(account: &AccountId, id: &str) -> HttpApiError {
    HttpApiError::NotFound(format!("Invalid API identifier specified {account}:{id}"))
}
