//! What the controller costs while it turns VM Runtime on, by the number of nodes.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    cluster::{CHECKS, Cluster, RUNTIME, RUNTIMES},
    inventory::{MACHINES, machine},
    process::{Place, bmctl, high_water},
    sheet::{Sheet, exponent, memory, time},
    test_server,
};

const SIZES: &[usize] = &[10, 100, 1_000, 5_000];
const REAL_SIZES: &[usize] = &[10, 100, 1_000];
/// VMs of a large cluster.
const MANY: usize = 100_000;
/// A count that takes longer does not come any more.
const LONGEST: Duration = Duration::from_secs(300);
/// Probe pods are taken away meanwhile, and nothing else happens.
const REST: Duration = Duration::from_secs(10);
/// Of the kernel's clock, which is the same on every machine that Linux runs on.
const TICKS_A_SECOND: f64 = 100.0;

/// A controller in a process of its own; it ends with this value.
struct Controller {
    child: Child,
    listens: SocketAddr,
}

impl Controller {
    fn start(place: &Place<'_>) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let listens = free.local_addr().unwrap();
        drop(free);
        let words = format!("controller run --leader-elect=false --listen {listens}");
        // The engine's operators, as the sandbox plays them.
        let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simulator/engine");
        let child = place
            .command(&bmctl(), &words)
            .arg("--engine-manifests")
            .arg(engine)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, listens }
    }

    /// How many requests it has made.
    fn requests(&self) -> f64 {
        let mut connection = TcpStream::connect(self.listens).unwrap();
        write!(
            connection,
            "GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.listens
        )
        .unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let counts = answer
            .lines()
            .filter(|line| line.starts_with("vmruntime_api_requests_total{"))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        counts.sum()
    }

    /// Time on a processor.
    fn busy(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name, which may have anything in it.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
        Duration::from_secs_f64(ticks / TICKS_A_SECOND)
    }

    fn peak(&self) -> u64 {
        high_water(&format!("/proc/{}/status", self.child.id())).unwrap()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Until the controller has counted that many VMs.
fn count(cluster: &Cluster) {
    let made = cluster.create(MACHINES, 0..MANY, machine);
    eprintln!("  {MANY} VMs made in {}", time(made));
    let begin = Instant::now();
    for number in 0.. {
        // A count may be a while ago: something has to happen before there is another.
        let annotation = json!({"example.com/touched": number.to_string()});
        cluster.merge(RUNTIME, &json!({"metadata": {"annotations": annotation}}));
        let counted = &cluster.read(RUNTIME)["status"]["workloadCount"];
        if counted.as_u64() == u64::try_from(MANY).ok() {
            break;
        }
        assert!(begin.elapsed() < LONGEST, "{counted} VMs were counted");
        thread::sleep(Duration::from_secs(1));
    }
}

pub fn sheet() -> Sheet {
    let mut lines = Vec::new();
    let mut crowded = String::new();
    let (mut requests, mut processor, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    let is_real = test_server::assets().is_some();
    for &size in test_server::sizes(SIZES, REAL_SIZES) {
        eprintln!("  {size} nodes");
        let cluster = Cluster::without_controller(size);
        let place = cluster.place();
        let controller = Controller::start(&place);
        // It makes the object, and has looked at it.
        cluster.watch(RUNTIMES, |runtime| !runtime["status"].is_null());
        let enabled = place.run(&bmctl(), "enable vmruntime --use-emulation --quiet", &[0]);
        let (made, busy, peak) = (controller.requests(), controller.busy(), controller.peak());
        thread::sleep(REST);
        let at_rest = controller.requests() - made;
        let status = cluster.largest(CHECKS);
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        let nodes = size as f64;
        requests.push((nodes, made));
        processor.push((nodes, busy.as_secs_f64()));
        #[allow(clippy::cast_precision_loss, reason = "far fewer digits are shown")]
        peaks.push((nodes, peak as f64));
        lines.push(vec![
            size.to_string(),
            time(enabled.wall),
            format!("{:.1}", made / nodes),
            time(busy),
            memory(peak),
            format!("{:.1} KiB", status / 1024.0),
            format!("{at_rest:.0}"),
        ]);
        if !is_real && Some(&size) == SIZES.last() {
            count(&cluster);
            crowded = memory(controller.peak());
        }
    }
    if !is_real {
        lines.push(vec![
            format!("the last, with {MANY} VMs counted"),
            String::new(),
            String::new(),
            String::new(),
            crowded,
            String::new(),
            String::new(),
        ]);
    }
    lines.push(vec![
        "grows as nodes^".to_owned(),
        String::new(),
        format!("{:.2} (all)", exponent(&requests)),
        format!("{:.2}", exponent(&processor)),
        format!("{:.2}", exponent(&peaks)),
        String::new(),
        String::new(),
    ]);
    Sheet {
        columns: vec![
            "nodes",
            "enabled in",
            "requests a node",
            "processor time",
            "memory",
            "the check's object",
            "requests in the 10 s after",
        ],
        lines,
    }
}
