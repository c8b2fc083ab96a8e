//! Which objects of a resource a request is about: a namespace, label and field selectors.

use std::sync::Arc;

use serde_json::Value;

use super::{query::Query, route::ResourcePath};
use crate::{
    kind::{field_selector::FieldSelector, resource::ResourceType, view},
    object::selector::LabelSelector,
    status_error::StatusError,
};

/// The objects that a list, a watch or a delete of a collection looks at.
#[derive(Clone)]
pub struct Selection {
    pub resource: Arc<ResourceType>,
    /// What the keys start with: `namespace/`, or nothing.
    pub prefix: String,
    labels: Option<LabelSelector>,
    fields: Option<FieldSelector>,
}

impl Selection {
    /// Reads path and query.
    pub fn new(
        resource: &Arc<ResourceType>,
        path: &ResourcePath,
        query: &Query,
    ) -> Result<Self, StatusError> {
        let labels = query.label_selector.as_deref();
        let fields = query.field_selector.as_deref();
        let bad = |why: String| StatusError::bad_request(why);
        Ok(Self {
            resource: resource.clone(),
            prefix: path
                .namespace
                .as_ref()
                .map(|namespace| format!("{namespace}/"))
                .unwrap_or_default(),
            labels: labels.map(LabelSelector::parse).transpose().map_err(bad)?,
            fields: fields
                .map(|fields| FieldSelector::parse(fields, resource))
                .transpose()
                .map_err(bad)?,
        })
    }

    /// Does it look at every object of its namespace?
    pub fn is_everything(&self) -> bool {
        self.labels.is_none() && self.fields.is_none()
    }

    /// A stored object in the version that was asked for.
    pub fn view(&self, object: &Arc<Value>) -> Arc<Value> {
        view::of(&self.resource, object)
    }

    /// Is an object (in that version) selected? Its namespace is not looked at.
    pub fn matches(&self, object: &Value) -> bool {
        let labels = self.labels.as_ref();
        let fields = self.fields.as_ref();
        labels.is_none_or(|labels| labels.matches(object))
            && fields.is_none_or(|fields| fields.matches(object))
    }
}
