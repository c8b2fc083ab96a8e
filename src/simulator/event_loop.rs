//! The loop: news in, due steps out. Decides *when* something is looked at, never *what* is done.
//!
//! One task, so there are no locks; nothing in here waits for the API server while the cluster is held: writes and
//! questions run beside it and come back as [`Effect`]s.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    pin::Pin,
    time::Duration,
};

use futures::{
    FutureExt as _, Stream, StreamExt as _,
    future::BoxFuture,
    stream::{FuturesUnordered, SelectAll},
};
use kube::Client;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Pace,
    actuator::{Effect, Performer},
    cluster_state::{ClusterState, Key, Object, Read as _},
    kind::Kind,
    rule::{KUBELET, RULES, Rule},
    step::{Action, When},
    watching::{self, News},
};

/// News that are taken in before the rules decide: a burst is decided about once.
const BURST: usize = 1024;
/// So many objects may be looked at for a decision without a [`REST`] after it.
const FEW: u32 = 64;
/// A look at many objects is not repeated sooner than this for each of them: a set of any size takes a bounded share of
/// the time, and all of its changes together take time in proportion to their number.
const REST: Duration = Duration::from_micros(50);
/// First and longest pause after a write that was refused or lost.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// A rule to be applied to an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Task {
    /// Index into [`RULES`].
    rule: usize,
    key: Key,
}

impl Task {
    fn rule(&self) -> &'static Rule {
        &RULES[self.rule]
    }
}

/// What a task waits for between two looks.
#[derive(Default)]
struct Waiting {
    /// uid of the object that the wishes are about; a namesake begins anew.
    uid: String,
    /// When each later step was wanted first.
    since: HashMap<&'static str, Instant>,
    /// How often in a row it failed.
    failures: u32,
    /// Something changed while its writes were under way.
    missed: bool,
    /// It has looked at many objects, and does not do so again before then.
    rests_until: Option<Instant>,
}

type Watch = Pin<Box<dyn Stream<Item = (Kind, News)> + Send>>;
type Done = (Task, Vec<Effect>, anyhow::Result<()>);

pub struct EventLoop {
    client: Client,
    cluster: ClusterState,
    performer: Performer,
    pace: Pace,
    /// So much longer these components take for each transition.
    delays: BTreeMap<String, Duration>,
    instant_until: Option<CancellationToken>,
    watches: SelectAll<Watch>,
    /// Kind → uid of the definition that its watch belongs to, and what ends the watch.
    watched: HashMap<Kind, (String, DropGuard)>,
    /// Built-in kinds whose first list is still missing: before that, absence means nothing.
    unseen: BTreeSet<Kind>,
    queue: BTreeSet<Task>,
    timers: BTreeSet<(Instant, Task)>,
    waiting: HashMap<Task, Waiting>,
    busy: HashSet<Task>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
}

impl EventLoop {
    pub fn new(
        client: Client,
        cluster: ClusterState,
        performer: Performer,
        pace: Pace,
        delays: BTreeMap<String, Duration>,
        instant_until: Option<CancellationToken>,
    ) -> Self {
        let unseen = Kind::ALL
            .into_iter()
            .filter(|kind| kind.built_in() && cluster.watches(*kind))
            .collect();
        Self {
            client,
            cluster,
            performer,
            pace,
            delays,
            instant_until,
            watches: SelectAll::new(),
            watched: HashMap::new(),
            unseen,
            queue: BTreeSet::new(),
            timers: BTreeSet::new(),
            waiting: HashMap::new(),
            busy: HashSet::new(),
            running: FuturesUnordered::new(),
        }
    }

    /// Plays until `shutdown`. Writes that are under way then are dropped: whoever plays next decides anew.
    pub async fn play(mut self, shutdown: CancellationToken) {
        for kind in self.unseen.clone() {
            self.watch(kind, String::new());
        }
        loop {
            let next = self.timers.first().map(|(due, _)| *due);
            tokio::select! {
                () = shutdown.cancelled() => return,
                Some(news) = self.watches.next() => {
                    self.hear(news);
                    for _ in 1..BURST {
                        match self.watches.next().now_or_never() {
                            Some(Some(news)) => self.hear(news),
                            Some(None) | None => break,
                        }
                    }
                }
                Some(done) = self.running.next() => self.finish(done),
                () = until(next) => self.wake(),
            }
            if self.unseen.is_empty() {
                self.cluster.tick();
                while let Some(task) = self.queue.pop_first() {
                    self.decide(task);
                }
            }
        }
    }

    fn watch(&mut self, kind: Kind, definition: String) {
        let end = CancellationToken::new();
        let stream = watching::watch(&self.client, kind).take_until(end.clone().cancelled_owned());
        self.watches.push(Box::pin(stream));
        self.watched.insert(kind, (definition, end.drop_guard()));
    }

    fn hear(&mut self, (kind, news): (Kind, News)) {
        // The last words of a watch that has been ended.
        if !self.watched.contains_key(&kind) {
            return;
        }
        match news {
            News::All(objects) => {
                self.unseen.remove(&kind);
                let gone = self.cluster.tell_all(kind, &objects);
                for object in gone.iter().chain(&objects) {
                    self.changed(kind, object);
                }
            }
            News::Changed(object) => {
                self.cluster.tell(kind, &object);
                self.changed(kind, &object);
            }
            News::Gone(object) => {
                self.cluster.tell_gone(kind, &object);
                self.changed(kind, &object);
            }
        }
    }

    /// Queues every rule that has something to say about a change.
    fn changed(&mut self, kind: Kind, object: &Object) {
        if kind == Kind::Definition {
            self.follow_definition(object);
        }
        for (index, rule) in RULES.iter().enumerate() {
            let own = (rule.subject == kind).then(|| Key::of(kind, object));
            let related = rule
                .also
                .iter()
                .filter(|(trigger, _)| *trigger == kind)
                .flat_map(|(_, related)| related(&self.cluster, rule.subject, object));
            for key in own.into_iter().chain(related) {
                self.queue.insert(Task { rule: index, key });
            }
        }
    }

    /// Begins and ends the watch of the kind that a definition brings.
    fn follow_definition(&mut self, definition: &Object) {
        let Some(kind) = Kind::ALL
            .into_iter()
            .find(|kind| kind.definition().as_deref() == Some(definition.name()))
            .filter(|kind| self.cluster.watches(*kind))
        else {
            return;
        };
        let there = self
            .cluster
            .get(&Key::of(Kind::Definition, definition))
            .cloned();
        let watched = self.watched.get(&kind).map(|(uid, _)| uid.clone());
        let same = there.as_ref().map(|there| there.uid()) == watched.as_deref();
        if watched.is_some() && !same {
            self.watched.remove(&kind);
            for object in self.cluster.forget(kind) {
                self.changed(kind, &object);
            }
        }
        if let Some(there) = there
            && !self.watched.contains_key(&kind)
            && self.cluster.serves(kind)
        {
            self.watch(kind, there.uid().to_owned());
        }
    }

    /// Queues what is due.
    fn wake(&mut self) {
        let now = Instant::now();
        while let Some((due, _)) = self.timers.first()
            && *due <= now
        {
            if let Some((_, task)) = self.timers.pop_first() {
                self.queue.insert(task);
            }
        }
    }

    /// Asks the rule, begins what is due and sets the clock for the rest.
    fn decide(&mut self, task: Task) {
        if self.busy.contains(&task) {
            // Its writes are under way; `finish` has it looked at again.
            self.waiting.entry(task).or_default().missed = true;
            return;
        }
        let Some(object) = self.cluster.get(&task.key).cloned() else {
            self.waiting.remove(&task);
            return;
        };
        let now = Instant::now();
        let mut waiting = self.waiting.remove(&task).unwrap_or_default();
        if let Some(until) = waiting.rests_until.filter(|until| *until > now) {
            self.timers.insert((until, task.clone()));
            self.waiting.insert(task, waiting);
            return;
        }
        if waiting.uid != object.uid() {
            waiting = Waiting {
                uid: object.uid().to_owned(),
                ..Waiting::default()
            };
        }
        let before = std::mem::take(&mut waiting.since);
        let transition = self.transition(&task, &object);
        let mut due = Vec::new();
        let mut next: Option<Instant> = None;
        let looks = self.cluster.looks();
        let steps = (task.rule().plan)(&self.cluster, &object);
        waiting.rests_until = rest(self.cluster.looks() - looks).map(|rest| now + rest);
        for step in steps {
            match step.when {
                When::Now => due.push(step.action),
                When::Later(wish) => {
                    let since = before.get(wish).copied().unwrap_or(now);
                    let at = since + transition;
                    waiting.since.insert(wish, since);
                    if at <= now {
                        due.push(step.action);
                    } else {
                        next = Some(next.map_or(at, |next| next.min(at)));
                    }
                }
            }
        }
        if let Some(next) = next {
            self.timers.insert((next, task.clone()));
        }
        self.waiting.insert(task.clone(), waiting);
        if !due.is_empty() {
            self.begin(task, &object, due);
        }
    }

    /// How long a transition takes here and now; on slow machines, and for slow components, longer than elsewhere.
    fn transition(&self, task: &Task, object: &Object) -> Duration {
        let instant_until = self.instant_until.as_ref();
        if instant_until.is_some_and(|instant_until| !instant_until.is_cancelled()) {
            return Duration::ZERO;
        }
        let component = task.rule().component;
        let slow = self.delays.get(component).copied().unwrap_or_default();
        if component != KUBELET {
            return self.pace.transition + slow;
        }
        let node = object.text("/spec/nodeName");
        let profile = node.and_then(|node| self.cluster.profile(node));
        let far = profile.map_or(Duration::ZERO, |profile| profile.delay);
        self.pace.transition + slow + far
    }

    fn begin(&mut self, task: Task, object: &Object, actions: Vec<Action>) {
        let node = object
            .text("/spec/nodeName")
            .and_then(|node| self.cluster.profile(node))
            .cloned();
        self.busy.insert(task.clone());
        let performer = self.performer.clone();
        self.running.push(
            async move {
                let (effects, ended) = performer
                    .perform(task.rule().component, actions, node)
                    .await;
                (task, effects, ended)
            }
            .boxed(),
        );
    }

    /// Takes in what the writes of a task brought.
    fn finish(&mut self, (task, effects, ended): Done) {
        self.busy.remove(&task);
        for effect in effects {
            match effect {
                Effect::Written(kind, object) => {
                    if self.cluster.answer(kind, &object) {
                        self.changed(kind, &object);
                    }
                }
                Effect::Fate(pod, fate) => {
                    self.cluster.decide_fate(&pod, fate);
                    self.changed(Kind::Pod, &pod);
                }
            }
        }
        let waiting = self.waiting.entry(task.clone()).or_default();
        match ended {
            Ok(()) => {
                waiting.failures = 0;
                // News of the object may have come while its task was busy.
                if std::mem::take(&mut waiting.missed) {
                    self.queue.insert(task);
                }
            }
            Err(error) => {
                let pause = (PAUSE.0 * 2u32.saturating_pow(waiting.failures.min(10))).min(PAUSE.1);
                waiting.failures += 1;
                tracing::warn!(
                    component = task.rule().component,
                    kind = task.key.kind.plural(),
                    namespace = task.key.namespace,
                    name = task.key.name,
                    "{error:#}"
                );
                self.timers.insert((Instant::now() + pause, task));
            }
        }
    }
}

/// How long a decision rests that has looked at so many objects.
fn rest(looks: usize) -> Option<Duration> {
    let looks = u32::try_from(looks).unwrap_or(u32::MAX);
    (looks > FEW).then(|| REST.saturating_mul(looks))
}

/// Sleeps until then, or for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
