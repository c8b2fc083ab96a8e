//! The verbs: each a function from a [`Call`] to an [`Answer`] or a [`StatusError`]. They read and write the store; they
//! know nothing of HTTP.

mod admit;
mod binding;
mod create;
mod decode;
mod delete;
mod eviction;
mod finalize;
mod patch;
mod read;
mod rehearsal;
mod review;
mod scale;
mod token;
mod update;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use self::{
    delete::{Deletion, FOREGROUND, ORPHAN, Propagation, delete_one, remove_finalizer},
    rehearsal::Rehearsal,
    update::edit,
};
use super::{
    apply::{self, Write},
    core::Core,
    pages,
    strategy::Part,
};
use crate::{
    access::{
        authorization::{
            self,
            escalation::{Fault, Grant},
        },
        identity::Identity,
    },
    kind::resource::ResourceType,
    object::{json, metadata::text},
    presentation::answer::{Answer, Wanted},
    request::{
        body::RequestBody,
        query::Query,
        route::{ResourcePath, Verb},
    },
    status_error::StatusError,
    store::{GroupResource, ObjectId, key},
};

/// One request for a resource.
pub struct Call<'a> {
    pub core: &'a Core,
    pub identity: &'a Identity,
    pub resource: Arc<ResourceType>,
    pub path: ResourcePath,
    pub query: Query,
    pub body: RequestBody,
    /// Names the field manager where the query does not.
    pub user_agent: String,
    pub wanted: Wanted,
    pub now: Timestamp,
    /// For the `Warning` headers of the response.
    pub warnings: Vec<String>,
    pub rehearsal: Rehearsal,
}

/// Does what the request asks for.
pub fn perform(verb: Verb, call: &mut Call<'_>) -> Result<Answer, StatusError> {
    if call.resource.storage_key() == ("", "endpoints") {
        let why = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
        call.warnings.push(why.to_owned());
    }
    rehearsal::rehearse(call, verb, act)?;
    act(verb, call)
}

fn act(verb: Verb, call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let subresource = call.path.subresource.clone();
    match subresource.as_deref() {
        None => main(verb, call),
        Some("status") if call.resource.status_subresource => match verb {
            Verb::Get => read::get(call),
            Verb::Update => update::update(call, Part::Status),
            Verb::Patch => patch::patch(call, Part::Status),
            Verb::List | Verb::Create | Verb::Delete | Verb::DeleteCollection => {
                Err(not_allowed(verb, call))
            }
        },
        Some("approval") if call.resource.is_approved() => match verb {
            Verb::Get => read::get(call),
            Verb::Update => update::update(call, Part::Approval),
            Verb::Patch => patch::patch(call, Part::Approval),
            Verb::List | Verb::Create | Verb::Delete | Verb::DeleteCollection => {
                Err(not_allowed(verb, call))
            }
        },
        Some("scale") if call.resource.scale_subresource => match verb {
            Verb::Get => scale::get(call),
            Verb::Update => scale::update(call),
            Verb::Patch => scale::patch(call),
            Verb::List | Verb::Create | Verb::Delete | Verb::DeleteCollection => {
                Err(not_allowed(verb, call))
            }
        },
        Some("binding") if binding::is_bound(&call.resource) => match verb {
            Verb::Create => binding::create(call),
            Verb::Get
            | Verb::List
            | Verb::Update
            | Verb::Patch
            | Verb::Delete
            | Verb::DeleteCollection => Err(not_allowed(verb, call)),
        },
        Some("eviction") if eviction::is_evicted(&call.resource) => match verb {
            Verb::Create => eviction::create(call),
            Verb::Get
            | Verb::List
            | Verb::Update
            | Verb::Patch
            | Verb::Delete
            | Verb::DeleteCollection => Err(not_allowed(verb, call)),
        },
        Some("finalize") if finalize::is_finalized(&call.resource) => match verb {
            Verb::Update => finalize::update(call),
            Verb::Get
            | Verb::List
            | Verb::Create
            | Verb::Patch
            | Verb::Delete
            | Verb::DeleteCollection => Err(not_allowed(verb, call)),
        },
        Some("token") if token::is_given(&call.resource) => match verb {
            Verb::Create => token::create(call),
            Verb::Get
            | Verb::List
            | Verb::Update
            | Verb::Patch
            | Verb::Delete
            | Verb::DeleteCollection => Err(not_allowed(verb, call)),
        },
        Some(_) if call.resource.custom => {
            Err(StatusError::not_found(&call.resource, call.id().name()))
        }
        Some(_) => Err(StatusError::no_such_path()),
    }
}

fn main(verb: Verb, call: &mut Call<'_>) -> Result<Answer, StatusError> {
    let may = |word: &str| call.resource.verbs.contains(&word);
    // A custom resource's handler does not look at the name in the path of a POST.
    let named_post = verb == Verb::Create && call.path.name.is_some() && !call.resource.custom;
    if !may(verb.word()) || named_post {
        return Err(not_allowed(verb, call));
    }
    // Namespaced objects are reached through their namespace; without it there are only lists.
    let placeless = call.resource.namespaced && call.path.namespace.is_none();
    match verb {
        Verb::List => read::list(call),
        _ if placeless && call.resource.custom => Ok(pages::not_found()),
        _ if placeless && call.path.name.is_some() => Err(StatusError::no_such_path()),
        Verb::Get
        | Verb::Create
        | Verb::Update
        | Verb::Patch
        | Verb::Delete
        | Verb::DeleteCollection
            if placeless =>
        {
            Err(not_allowed(verb, call))
        }
        Verb::Get => read::get(call),
        Verb::Create if call.resource.verbs.contains(&"get") => create::create(call),
        Verb::Create => review::answer(call),
        Verb::Update => update::update(call, Part::Main),
        Verb::Patch => patch::patch(call, Part::Main),
        Verb::Delete => delete::delete(call),
        Verb::DeleteCollection => delete::delete_collection(call),
    }
}

/// A built-in resource has no route for it; the handler of custom resources says what it is that it does not do.
fn not_allowed(verb: Verb, call: &Call<'_>) -> StatusError {
    let resource = &call.resource;
    if !resource.custom {
        return StatusError::method_not_allowed();
    }
    let (verb, kind) = (verb.word(), resource.qualified());
    let why = format!("{verb} is not supported on resources of kind {kind:?}");
    let about = serde_json::json!({"group": resource.group, "kind": resource.plural});
    StatusError::other(405, "MethodNotAllowed", why).with_details(about)
}

impl Call<'_> {
    /// The object that the path names.
    pub fn id(&self) -> ObjectId {
        self.id_of(self.path.name.as_deref().unwrap_or_default())
    }

    /// An object of this resource in the path's namespace.
    pub fn id_of(&self, name: &str) -> ObjectId {
        ObjectId {
            collection: GroupResource::of(&self.resource),
            key: key(self.path.namespace.as_deref(), name),
        }
    }

    /// What is stored of the object that the path names.
    pub fn existing(&self) -> Result<Arc<Value>, StatusError> {
        let id = self.id();
        self.core
            .store
            .get(&id.collection, &id.key)
            .ok_or_else(|| StatusError::not_found(&self.resource, id.name()))
    }

    /// Who a write is recorded for in `managedFields`.
    pub fn manager(&self) -> String {
        const LONGEST: usize = 128;
        if let Some(manager) = &self.query.field_manager {
            return manager.clone();
        }
        let agent = self.user_agent.split('/').next().unwrap_or_default();
        let agent: String = agent
            .chars()
            .filter(|c| !c.is_control())
            .take(LONGEST)
            .collect();
        if agent.is_empty() {
            "unknown".to_owned()
        } else {
            agent
        }
    }

    /// Does a write to a role or a binding grant no more than its author has?
    fn check_grant(&self, new: &Value, old: Option<&Value>) -> Result<(), StatusError> {
        let (group, plural) = self.resource.storage_key();
        if group != authorization::GROUP {
            return Ok(());
        }
        let grant = Grant {
            user: self.identity,
            plural,
            namespace: self.path.namespace.as_deref().unwrap_or_default(),
            name: self.path.name.as_deref().unwrap_or_default(),
            new,
            old,
        };
        let granted = self.core.authority().check_grant(&grant);
        granted.map_err(|fault| match fault {
            Fault::Exceeds(why) => {
                let name = text(&new["metadata"], "name");
                StatusError::forbidden(&self.resource, name, &why)
            }
            Fault::NoRole(role) => {
                let registry = self.core.registry();
                let resource = registry.find_kind(&self.resource.api_version(), &role.kind);
                resource.map_or_else(StatusError::no_such_path, |resource| {
                    StatusError::not_found(resource, &role.name)
                })
            }
        })
    }

    /// Is the object shallow enough for all who will read it?
    fn check_depth(object: &Value) -> Result<(), StatusError> {
        if json::depth(object) > json::DEEPEST {
            return Err(StatusError::bad_request("exceeded max depth"));
        }
        Ok(())
    }

    /// Notes in `managedFields` what a write that is no apply has changed.
    fn record(&self, old: Option<&Value>, new: &mut Value) {
        let schema = self.resource.schema.as_deref();
        apply::record_update(old, new, &self.write(), schema);
    }

    /// The object as a server-side apply of the intent makes it.
    fn applied(&self, live: Option<&Value>, intent: &Value) -> Result<Value, StatusError> {
        let schema = self.resource.schema.as_deref();
        apply::apply(live, intent, &self.write(), self.query.force, schema)
    }

    fn write(&self) -> Write {
        Write {
            manager: self.manager(),
            api_version: self.resource.api_version(),
            subresource: self.path.subresource.clone(),
            status_subresource: self.resource.status_subresource,
            time: self.now,
        }
    }
}
