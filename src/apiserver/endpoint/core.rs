//! The API server without its sockets: one function from a request to a response, and what all verbs share.

mod initial;
mod question;
mod registration;

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    apply::{self, Write},
    pages, strategy,
    verb::{self, Call, Rehearsal},
    watch::Frames,
};
use crate::{
    access::{
        account_token::{Claims, Signer},
        admission::Policies,
        authorization::{self, Authority, aggregate, bootstrap},
        identity::Identity,
        impersonation,
    },
    kind::{
        definition, registration::built_in as registered, registry::Registry,
        resource::ResourceType,
    },
    object::metadata::{is_deleting, text},
    presentation::answer::{self, Answer, Body, Offer, Wanted},
    request::{
        body::RequestBody,
        query::Query,
        route::{self, ResourcePath, Route},
    },
    status_error::StatusError,
    store::{GroupResource, ObjectId, Store, Writer, key},
};

use question::{options_kind, text_header, verb_of, wanted};

const POLICY_GROUP: &str = "admissionregistration.k8s.io";
const POLICIES: &str = "validatingadmissionpolicies";
const BINDINGS: &str = "validatingadmissionpolicybindings";

/// Writes that are worked on or wait for each other on threads of their own.
const MOST_WRITERS: usize = 32;

/// Everything that an answer needs.
#[derive(Debug)]
pub struct Core {
    pub store: Arc<Store>,
    /// What watchers share.
    pub frames: Arc<Frames>,
    /// Host and port that clients are told.
    pub address: String,
    /// Cancelled when the server stops: watches end.
    pub stopping: CancellationToken,
    registry: RwLock<Arc<Registry>>,
    policies: RwLock<Arc<Policies>>,
    /// None after roles or bindings have changed, until somebody asks.
    authority: RwLock<Option<Arc<Authority>>>,
    /// Of service account tokens.
    pub signer: Signer,
    /// For those who write: one does at a time, and the others wait on a thread each.
    writers: Arc<Semaphore>,
}

impl Core {
    /// An API server of what is stored, with the built-in resources and what every cluster has of them.
    pub fn new(address: String, store: Store, signer: Signer) -> Self {
        let core = Self {
            address,
            store: Arc::new(store),
            frames: Arc::default(),
            stopping: CancellationToken::new(),
            registry: RwLock::new(Arc::new(Registry::built_in())),
            policies: RwLock::default(),
            authority: RwLock::default(),
            signer,
            writers: Arc::new(Semaphore::new(MOST_WRITERS)),
        };
        core.recall();
        for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            core.ensure(
                &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}),
            );
        }
        core.ensure_priorities();
        for object in bootstrap::objects() {
            core.ensure(object);
        }
        for service in registered() {
            core.ensure(&service);
        }
        core.register(&core.store.write(), Timestamp::now());
        core.publish();
        core
    }

    /// Takes what is stored into effect: definitions and policies.
    fn recall(&self) {
        let definitions = self.all(definition::GROUP, definition::PLURAL);
        if !definitions.is_empty() {
            let registry = definitions
                .iter()
                .fold(Registry::built_in(), |registry, found| {
                    let name = text(&found["metadata"], "name");
                    registry.with(name, definition::resources(found))
                });
            self.set_registry(registry);
        }
        self.arm();
    }

    /// Answers a request of somebody who has been authenticated. A write may take long, run rules of users and wait for
    /// other writes: it happens on a thread that serves nobody.
    pub async fn reply(
        self: &Arc<Self>,
        user: &Identity,
        request: &Request<Bytes>,
    ) -> Response<Body> {
        if matches!(*request.method(), Method::GET | Method::HEAD) {
            return self.handle(user, request);
        }
        let permit = self.writers.clone().acquire_owned().await;
        let (core, user, request) = (self.clone(), user.clone(), request.clone());
        let answer = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            core.handle(&user, &request)
        });
        answer.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a request was not answered");
            answer::refuse(&StatusError::other(
                500,
                "InternalError",
                "Internal error occurred: the request was not answered",
            ))
        })
    }

    fn handle(&self, user: &Identity, request: &Request<Bytes>) -> Response<Body> {
        let mut response = self.respond(user, request);
        answer::identify(&mut response, request.headers());
        response
    }

    fn respond(&self, user: &Identity, request: &Request<Bytes>) -> Response<Body> {
        let authority = || self.authority();
        let refuse = |error: &StatusError| {
            let wanted = wanted(request, Offer::ALL).unwrap_or_default();
            answer::refuse_as(error, wanted, &[])
        };
        let user = match impersonation::effective(request.headers(), user, authority) {
            Ok(user) => user,
            Err(impersonation::Fault::Refused(error)) => return refuse(&error),
            Err(impersonation::Fault::Unclear(why)) => {
                let answer = impersonation::unclear(&request.uri().to_string(), &why);
                return answer::respond(answer, Wanted::default(), &[]);
            }
        };
        let attributes = authorization::of_request(&user, request);
        let decision = self.authority().decide(&attributes);
        if !decision.allowed {
            return refuse(&authorization::forbidden(&attributes, &decision.reason));
        }
        self.serve(&user, request)
    }

    /// Answers a request that its user may make.
    fn serve(&self, identity: &Identity, request: &Request<Bytes>) -> Response<Body> {
        let mut warnings = Vec::new();
        let route = route::route(request.uri().path());
        if route == Route::OpenApiV2 {
            // It is negotiated like nothing else.
            return answer::respond(
                pages::openapi_v2(self, request),
                Wanted::default(),
                &warnings,
            );
        }
        let wanted = match wanted(request, self.offer(&route)) {
            Ok(wanted) => wanted,
            // A media type of its own, which nothing else has.
            Err(_) if pages::is_aggregated(&route, request) => Wanted::default(),
            Err(error) => return answer::refuse(&error),
        };
        match self.answer(identity, request, route, wanted, &mut warnings) {
            Ok(answer) => answer::respond(answer, wanted, &warnings),
            Err(error) => answer::refuse_as(&error, wanted, &warnings),
        }
    }

    /// What there is of that which a request is about. A question is answered and not stored, so that there are no rows
    /// of it; of what a definition brings, only `/scale` is a kind that is built in.
    fn offer(&self, route: &Route) -> Offer {
        let Route::Resource(path) = route else {
            return Offer::ALL;
        };
        let registry = self.registry();
        let found = registry.find(&path.group, &path.version, &path.plural);
        found.map_or(Offer::ALL, |resource| Offer {
            tables: resource.verbs.contains(&"list"),
            protobuf: !resource.custom || path.subresource.as_deref() == Some("scale"),
        })
    }

    fn answer(
        &self,
        identity: &Identity,
        request: &Request<Bytes>,
        route: Route,
        wanted: Wanted,
        warnings: &mut Vec<String>,
    ) -> Result<Answer, StatusError> {
        match route {
            Route::Resource(path) => self.resource(identity, request, path, wanted, warnings),
            other => pages::page(self, &other, request),
        }
    }

    fn resource(
        &self,
        identity: &Identity,
        request: &Request<Bytes>,
        path: ResourcePath,
        wanted: Wanted,
        warnings: &mut Vec<String>,
    ) -> Result<Answer, StatusError> {
        let registry = self.registry();
        let Some(resource) = registry.find(&path.group, &path.version, &path.plural) else {
            if registry.is_built_in(&path.group) {
                return Err(StatusError::no_such_path());
            }
            return Ok(pages::not_found());
        };
        let verb = verb_of(request.method(), &path, resource)?;
        let query = Query::parse(
            request.uri().query().unwrap_or_default(),
            options_kind(verb),
        )?;
        let header = |name| text_header(request, name);
        let mut call = Call {
            core: self,
            identity,
            resource: resource.clone(),
            path,
            query,
            body: RequestBody::new(request.body().clone(), header(header::CONTENT_TYPE)),
            user_agent: header(header::USER_AGENT).to_owned(),
            wanted,
            now: Timestamp::now(),
            warnings: Vec::new(),
            rehearsal: Rehearsal::default(),
        };
        let answer = verb::perform(verb, &mut call);
        warnings.append(&mut call.warnings);
        answer
    }

    /// A call that the server makes itself.
    pub fn internal<'a>(
        &'a self,
        identity: &'a Identity,
        resource: Arc<ResourceType>,
        path: ResourcePath,
    ) -> Call<'a> {
        Call {
            core: self,
            identity,
            resource,
            path,
            query: Query::default(),
            body: RequestBody::default(),
            user_agent: identity.username.clone(),
            wanted: Wanted::default(),
            now: Timestamp::now(),
            warnings: Vec::new(),
            rehearsal: Rehearsal::default(),
        }
    }

    pub fn registry(&self) -> Arc<Registry> {
        self.registry
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_registry(&self, registry: Registry) {
        *self
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(registry);
    }

    pub fn policies(&self) -> Arc<Policies> {
        self.policies
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Who may do what, as of now.
    pub fn authority(&self) -> Arc<Authority> {
        let known = self
            .authority
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(authority) = &*known {
            return authority.clone();
        }
        drop(known);
        // Whoever changes a role forgets the old authority after the write, so none that was read before it stays.
        let mut slot = self
            .authority
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let stored = |kinds: [&str; 2]| -> Vec<Arc<Value>> {
            let kinds = kinds.into_iter();
            kinds
                .flat_map(|plural| self.all(authorization::GROUP, plural))
                .collect()
        };
        let roles = stored(["clusterroles", "roles"]);
        let bindings = stored(["clusterrolebindings", "rolebindings"]);
        let authority = Arc::new(Authority::compile(&roles, &bindings));
        *slot = Some(authority.clone());
        authority
    }

    /// What a service account's token says, where it is good and the account is still there.
    pub fn account(&self, token: &str, now: Timestamp) -> Option<Claims> {
        let claims = self.signer.verify(token, now)?;
        let collection = GroupResource::new("", "serviceaccounts");
        let account = self
            .store
            .get(&collection, &key(Some(&claims.namespace), &claims.name))?;
        (account["metadata"]["uid"] == claims.uid.as_str()).then_some(claims)
    }

    /// Every object of a built-in resource, sorted by namespace and name.
    fn all(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        let snapshot = self.store.now(&GroupResource::new(group, plural), "");
        let objects = snapshot.objects.into_iter();
        objects.map(|(_, object)| object).collect()
    }

    pub fn namespace(&self, name: &str) -> Option<Arc<Value>> {
        self.store.get(&GroupResource::new("", "namespaces"), name)
    }

    /// The definition of a custom resource.
    pub fn definition_of(&self, resource: &ResourceType) -> Option<Arc<Value>> {
        let collection = GroupResource::new(definition::GROUP, definition::PLURAL);
        self.store.get(&collection, &resource.qualified())
    }

    /// What follows from a write at once: definitions add, change and take away resources, policies and roles take
    /// effect.
    pub fn after_write(
        &self,
        writer: &Writer<'_>,
        id: &ObjectId,
        object: Option<&Arc<Value>>,
        now: Timestamp,
    ) {
        match (id.collection.group.as_str(), id.collection.plural.as_str()) {
            (definition::GROUP, definition::PLURAL) => self.define(writer, id, object, now),
            (POLICY_GROUP, POLICIES | BINDINGS) => self.arm(),
            (authorization::GROUP, plural) => {
                if plural == "clusterroles" {
                    self.aggregate(writer, now);
                }
                let mut known = self
                    .authority
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *known = None;
            }
            _ => {}
        }
    }

    /// Brings the ClusterRoles up to date that gather the rules of others.
    fn aggregate(&self, writer: &Writer<'_>, now: Timestamp) {
        // A gathering role may be gathered by another: what follows from one step is looked at in the next.
        loop {
            let outdated = aggregate::outdated(&self.all(authorization::GROUP, "clusterroles"));
            if outdated.is_empty() {
                return;
            }
            for (role, rules) in outdated {
                let mut gathered = Value::clone(&role);
                gathered["rules"] = rules;
                let write = Write {
                    manager: "clusterrole-aggregation-controller".to_owned(),
                    api_version: format!("{}/v1", authorization::GROUP),
                    subresource: None,
                    status_subresource: false,
                    time: now,
                };
                apply::record_update(Some(&role), &mut gathered, &write, None);
                let id = ObjectId {
                    collection: GroupResource::new(authorization::GROUP, "clusterroles"),
                    key: text(&role["metadata"], "name").to_owned(),
                };
                writer.put(&id, gathered);
            }
        }
    }

    /// Compiles the admission policies that are stored now.
    fn arm(&self) {
        let stored = |plural| self.all(POLICY_GROUP, plural);
        let policies = Policies::compile(&stored(POLICIES), &stored(BINDINGS));
        *self
            .policies
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(policies);
    }

    fn define(
        &self,
        writer: &Writer<'_>,
        id: &ObjectId,
        object: Option<&Arc<Value>>,
        now: Timestamp,
    ) {
        let registry = self.registry();
        let Some(object) = object else {
            self.set_registry(registry.with(&id.key, Vec::new()));
            return self.register(writer, now);
        };
        let mut definition = Value::clone(object);
        if !is_deleting(&definition) {
            let now = strategy::seconds(now);
            match definition::conflict(&definition, &registry) {
                None => definition::establish(&mut definition, &now),
                Some(taken) => definition::refuse_names(&mut definition, &taken, &now),
            }
        }
        self.set_registry(registry.with(&id.key, definition::resources(&definition)));
        self.register(writer, now);
        if definition != **object {
            let schema = registry.find_stored(definition::GROUP, definition::PLURAL);
            let write = Write {
                manager: "kube-apiserver".to_owned(),
                api_version: format!("{}/v1", definition::GROUP),
                subresource: Some("status".to_owned()),
                status_subresource: true,
                time: now,
            };
            let schema = schema.and_then(|resource| resource.schema.as_deref());
            apply::record_update(Some(object), &mut definition, &write, schema);
            writer.put(id, definition);
        }
    }
}
