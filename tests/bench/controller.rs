//! What the controller costs while it turns VM Runtime on, by the number of nodes.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Stdio},
    thread,
    time::Duration,
};

use crate::{
    cluster::Cluster,
    process::{Place, bmctl, high_water},
    sheet::{Sheet, exponent, memory, time},
};

const SIZES: [usize; 4] = [10, 100, 1_000, 5_000];
const CHECKS: &str = "/apis/vm.cluster.gke.io/v1/namespaces/vm-system/vmruntimepreflightchecks";
/// Nothing happens meanwhile.
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
        let child = place
            .command(&bmctl(), &words)
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

pub fn sheet() -> Sheet {
    let mut lines = Vec::new();
    let (mut requests, mut processor, mut peaks) = (Vec::new(), Vec::new(), Vec::new());
    for size in SIZES {
        eprintln!("  {size} nodes");
        let cluster = Cluster::without_controller(size);
        let place = cluster.place();
        let controller = Controller::start(&place);
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
            "requests in 10 s of rest",
        ],
        lines,
    }
}
