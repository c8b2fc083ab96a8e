//! What the requests of a disable meet on their way: faults, a death, and the invariant that they are held against.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body};
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::people::{ALL, World, list_path};

/// What a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Refused(u16),
    Broken,
    /// Carried out, and nobody hears of it.
    AnswerLost,
}

type Answered = std::io::Result<Response<Body>>;
type Posted = (
    Request<Body>,
    Mutex<Option<tokio::sync::oneshot::Sender<Answered>>>,
);

impl World {
    /// The client of the disable: every request may meet something. `killed` is told when the disable is to be dropped.
    pub fn client(&self, killed: &Arc<Notify>) -> Client {
        let (sender, mut requests) = tokio::sync::mpsc::unbounded_channel::<Posted>();
        let (world, killed) = (self.clone(), killed.clone());
        tokio::task::spawn_local(async move {
            while let Some((request, answer)) = requests.recv().await {
                let (world, killed) = (world.clone(), killed.clone());
                tokio::task::spawn_local(async move {
                    let answered = world.meet(request, &killed).await;
                    let answer = answer.lock().unwrap().take();
                    if let Some(answer) = answer {
                        // Whoever does not wait any more does not need it.
                        drop(answer.send(answered));
                    }
                });
            }
        });
        let service = tower::service_fn(move |request: Request<Body>| {
            let (answer, answered) = tokio::sync::oneshot::channel();
            let posted = sender.send((request, Mutex::new(Some(answer))));
            async move {
                posted.map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionReset))?;
                // Nobody answers any more.
                let reset = |_| Err(std::io::ErrorKind::ConnectionReset.into());
                answered.await.unwrap_or_else(reset)
            }
        });
        Client::new(service, "default")
    }

    /// What happens to a request of the disable.
    async fn meet(&self, request: Request<Body>, killed: &Notify) -> Answered {
        let broken = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let (parts, body) = request.into_parts();
        let bytes = body
            .collect()
            .await
            .map_err(std::io::Error::other)?
            .to_bytes();
        let path = parts.uri.path().to_owned();
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let happening = self.happening.read().await;
        let (event, fate, dies) = {
            let mut surroundings = self.surroundings.borrow_mut();
            surroundings.requests += 1;
            if parts.method == "GET" && !query.contains("watch") && !query.contains("continue") {
                let now = surroundings.requests;
                surroundings.read.insert(path.clone(), now);
            }
            let fate = match surroundings.rng.below(60) {
                0 => Fate::Refused(500),
                1 => Fate::Refused(429),
                2 => Fate::Refused(503),
                3 => Fate::Broken,
                4 => Fate::AnswerLost,
                _ => Fate::Fine,
            };
            let event = surroundings.rng.one_in(12);
            let dies = surroundings.kill_at == Some(surroundings.requests);
            if surroundings.wild {
                (event, fate, dies)
            } else {
                (false, Fate::Fine, false)
            }
        };
        if event {
            self.happen().await;
        }
        drop(happening);
        if dies {
            // Before or after the request was carried out.
            if self.surroundings.borrow_mut().rng.one_in(2) {
                self.inspect(&parts.method, &path, &query, &bytes);
                let _ = self
                    .owner
                    .send(Request::from_parts(parts, Body::from(bytes.to_vec())))
                    .await;
            }
            killed.notify_one();
            return std::future::pending().await;
        }
        match fate {
            Fate::Broken => return Err(broken()),
            Fate::Refused(code) => {
                let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "code": code, "reason": "InternalError", "message": "by chance"});
                let response = Response::builder()
                    .status(code)
                    .body(Body::from(status.to_string().into_bytes()));
                return response.map_err(std::io::Error::other);
            }
            Fate::Fine | Fate::AnswerLost => {}
        }
        self.inspect(&parts.method, &path, &query, &bytes);
        let answer = self
            .owner
            .send(Request::from_parts(parts, Body::from(bytes.to_vec())))
            .await
            .map_err(std::io::Error::other)?;
        if fate == Fate::AnswerLost {
            return Err(broken());
        }
        Ok(answer)
    }

    /// Holds the disable's writes against the invariant.
    fn inspect(&self, method: &http::Method, path: &str, query: &str, bytes: &[u8]) {
        let workload = ALL
            .iter()
            .any(|kind| path.starts_with(&format!("{}/", list_path(*kind))));
        if !workload || query.contains("dryRun") {
            return;
        }
        let mut surroundings = self.surroundings.borrow_mut();
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        if body.get("dryRun").is_some() {
            return;
        }
        if method == "DELETE" {
            match body["preconditions"]["uid"].as_str() {
                None => surroundings
                    .broken
                    .push(format!("deleted without a UID: {path} {body}")),
                Some(uid) => {
                    if let Err(why) = surroundings.accounts_for(uid) {
                        surroundings
                            .broken
                            .push(format!("deleted before it was saved: {path}: {why}"));
                    }
                    surroundings.deleted.insert(uid.to_owned());
                    surroundings.ever_deleted.insert(uid.to_owned());
                }
            }
        } else if method == "PATCH" {
            let metadata = body["metadata"].as_object().cloned().unwrap_or_default();
            let fields: Vec<&str> = metadata.keys().map(String::as_str).collect();
            let permitted = match fields.first() {
                // A machine waits until what it owns is released.
                Some(&"finalizers") => true,
                Some(&"ownerReferences") => surroundings.keep,
                Some(_) | None => false,
            };
            if !permitted
                || fields.get(1..) != Some(&["resourceVersion", "uid"])
                || body.as_object().map(serde_json::Map::len) != Some(1)
            {
                surroundings
                    .broken
                    .push(format!("changed a workload: {path} {body}"));
            }
        } else if method != "GET" {
            surroundings.broken.push(format!("{method} {path}"));
        }
    }
}
