//! The whole path on real input.
//!
//! ```text
//!  source ─▶ RowRing ─┬─▶ bars ──channel──▶ summary
//!                     ├─▶ archiver ─block─▶ agent ─group─▶ disk cache ─▶ HTTP server
//!                     ├─▶ monitor (lossy)                                    │
//!                     └─▶ mirror ─▶ the ring in a file, if asked for         │
//!                              verifier ◀──────── range requests ────────────┘
//! ```
//!
//! Every stage runs at its own pace and holds back the one before it when it falls behind; nothing
//! in between grows without bound. Ctrl-C stops the source; what is inside goes through to the end.

mod archive;
mod args;
mod bars;
mod dashboard;
mod failure;
mod feed;
mod http;
#[cfg(target_os = "linux")]
mod mirror;
mod monitor;
mod page;
mod progress;
mod report;
mod row;
mod serve;
mod shared;
mod source;
mod store;
mod verify;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use zcbuf::agent::{Delivery, FinalizeMode, Manager};
use zcbuf::channel::bounded;
use zcbuf::core::ledger;
use zcbuf::diskcache::{Eviction, RawDiskCache};
use zcbuf::ring::{ConsumerOptions, OnLag, RowRing};

use args::Args;
use failure::Failure;
use feed::{Feed, Fingerprint};
#[cfg(target_os = "linux")]
use mirror::Mirror;
use page::Timeline;
use progress::Progress;
use report::Report;
use row::{Columns, schema};
use shared::{Shared, Stamps};
use source::Source;
use store::Stored;
use verify::{Verified, Verifier};

/// Rows in the ring.
const RING_ROWS: usize = 1 << 16;
/// Bytes of a group.
const GROUP_BYTES: usize = 1 << 20;
/// Bytes of groups under way between archiver and cache.
const AGENT_BUDGET: usize = 16 << 20;
/// Groups stored and not yet verified, at most.
const UNVERIFIED_GROUPS: u64 = 32;
/// The smallest cache: evicting never reaches a group that is not verified.
pub const LEAST_CACHE: u64 = 8 * GROUP_BYTES as u64;
/// Chunks of rows whose fingerprints wait for the verifier: more than ring, agent and cache hold.
const FINGERPRINTS: usize = 1 << 16;
/// How long a source may take to notice Ctrl-C before it is left behind.
const FEED_PATIENCE: Duration = Duration::from_millis(500);
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let args = match args::parse() {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error} (--help shows the options)");
            return ExitCode::from(2);
        }
    };
    match run(&args) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("demo: {failure}");
            failure.exit_code()
        }
    }
}

fn run(args: &Args) -> Result<ExitCode, Failure> {
    // Opened ahead of everything else: an unusable input costs nothing.
    let shared: &'static Shared = Box::leak(Box::default());
    let source = Source::open(args, shared)?;
    let runtime =
        tokio::runtime::Runtime::new().map_err(Failure::because("starting the runtime"))?;
    // Removed when it goes out of scope, whatever happens below.
    let scratch = tempfile::tempdir().map_err(Failure::because("a temporary folder"))?;
    let cache_path = args
        .cache
        .clone()
        .unwrap_or_else(|| scratch.path().join("groups.zc"));

    let code = runtime.block_on(pipeline(args, source, cache_path, shared))?;
    // A source that is stuck in a read of standard input must not hold up the end.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(code)
}

async fn pipeline(
    args: &Args,
    source: Source,
    cache_path: PathBuf,
    shared: &'static Shared,
) -> Result<ExitCode, Failure> {
    let cache = RawDiskCache::builder(&cache_path)
        .capacity(args.cache_bytes)
        // A policy that distrusts what is new would evict groups before they are verified.
        .eviction(Eviction::Lru)
        .open()
        .await
        .map_err(Failure::because("opening the cache"))?;
    let address = args
        .serve
        .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let listener = serve::bind(address).await?;
    let server = listener
        .local_addr()
        .map_err(Failure::because("the server's address"))?;
    let serving = tokio::spawn(serve::serve(listener, cache.clone()));

    let timeline: &'static Timeline = Box::leak(Box::new(Timeline::new()));
    let report = flow(args, source, &cache, server, shared, timeline).await;
    let report = match report {
        Ok(report) => report,
        Err(failure) => {
            // Whatever was stored stays right: the cache is closed, not dropped in the middle.
            cache
                .close()
                .await
                .map_err(Failure::because("closing the cache"))?;
            return Err(failure);
        }
    };
    report.print();
    if let Some(path) = &args.json {
        report.write_json(path)?;
        println!("  figures written to           {}", path.display());
    }
    let page = args.html.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("zcbuf-demo-{}.html", std::process::id()))
    });
    timeline.write(&report, &page)?;
    println!("  report with plots            {}", page.display());
    if args.serve.is_some() && !report.interrupted {
        println!("  serving on http://{server}/ until Ctrl-C");
        tokio::signal::ctrl_c()
            .await
            .map_err(Failure::because("waiting for Ctrl-C"))?;
    }
    serving.abort();
    cache
        .close()
        .await
        .map_err(Failure::because("closing the cache"))?;
    println!("{}", report.closing_line());
    Ok(match (report.interrupted, report.lost()) {
        (true, _) => ExitCode::from(INTERRUPTED),
        (false, 0) => ExitCode::SUCCESS,
        (false, _) => ExitCode::FAILURE,
    })
}

/// Builds the pipeline, lets it run, takes it apart.
async fn flow(
    args: &Args,
    source: Source,
    cache: &RawDiskCache,
    server: SocketAddr,
    shared: &'static Shared,
    timeline: &'static Timeline,
) -> Result<Report, Failure> {
    let schema = schema().map_err(Failure::because("the schema"))?;
    let columns = Columns::of(&schema).map_err(Failure::because("the schema"))?;
    let ring = RowRing::builder(schema, RING_ROWS)
        .build()
        .map_err(Failure::because("the ring"))?;
    let joined = Failure::because::<zcbuf::ring::JoinError>;
    let consumer = |name, on_lag| {
        let options = ConsumerOptions {
            name,
            on_lag,
            ..Default::default()
        };
        ring.consumer(options).map_err(joined("joining the ring"))
    };
    let for_bars = consumer("bars", OnLag::Block)?;
    let for_archive = consumer("archiver", OnLag::Block)?;
    let for_monitor = consumer("monitor", OnLag::Lossy)?;
    #[cfg(target_os = "linux")]
    let mirror = match args.shared.as_deref() {
        Some(path) => Some((Mirror::create(path)?, consumer("mirror", OnLag::Block)?)),
        None => None,
    };
    let producer = ring.producer().map_err(Failure::because("the producer"))?;

    let (agent, groups, failures) = Manager::builder()
        .min_group_commit_size(GROUP_BYTES)
        .memory_budget(AGENT_BUDGET)
        // Blocks are gathered in the group's own memory, so that a group is one piece.
        .adopt_threshold(GROUP_BYTES)
        .linger(Duration::from_millis(100))
        .delivery(Delivery::Ordered)
        .spawn()
        .map_err(Failure::because("the agent"))?;
    // A quarter of the cache: an object needs its room in one piece, and takes neighbours with it.
    let unverified = (args.cache_bytes / (4 * GROUP_BYTES as u64)).clamp(1, UNVERIFIED_GROUPS);
    let (stored_in, stored) = bounded::<Stored>(unverified as usize);
    let (bars_in, bars) = bounded(1024);
    let (fingerprints_in, fingerprints) = bounded::<Fingerprint>(FINGERPRINTS);

    let stamps: &'static Stamps = Box::leak(Box::new(Stamps::new()));
    let progress = match args.tui {
        true => Progress::dashboard(),
        false => Progress::new(source.expected_rows().or(args.rows)),
    };
    let progress: &'static Progress = Box::leak(Box::new(progress));
    let before = ledger::snapshot();
    let start = Instant::now();

    let feed = Feed {
        source,
        limit: args.rows,
        strict: args.strict,
        producer,
        columns,
        fingerprints: fingerprints_in,
        shared,
        stamps,
        progress,
    };
    // A failure in any stage stops the source, and the rows that are inside come to their end.
    let mut feeding = spawn_blocking(move || shared.stage(|| feed.run()));
    let aggregating = spawn_blocking(move || {
        shared.stage(|| bars::aggregate(for_bars, &columns, &bars_in, shared, stamps))
    });
    let collecting = spawn_blocking(move || bars::collect(&bars, shared));
    let submit = agent.clone();
    let archiving =
        spawn_blocking(move || shared.stage(|| archive::archive(for_archive, &submit, shared)));
    #[cfg(target_os = "linux")]
    let mirroring = mirror.map(|(mirror, rows)| {
        spawn_blocking(move || shared.stage(|| mirror.run(rows, &columns, shared)))
    });
    let watching = spawn_blocking(move || monitor::watch(for_monitor, shared));
    let into_cache = cache.clone();
    let storing = tokio::spawn(async move {
        let result = store::store_groups(groups, into_cache, stored_in, shared).await;
        shared.stage(|| result)
    });
    let failing = tokio::spawn(async move {
        let result = store::watch_failures(failures).await;
        shared.stage(|| result)
    });
    let verifier = Verifier {
        server,
        stored,
        fingerprints,
        columns,
        shared,
        stamps,
    };
    let verifying = spawn_blocking(move || shared.stage(|| verifier.run()));
    let drawing = tokio::spawn(async move {
        let mut tick = 0_u64;
        loop {
            timeline.sample(shared);
            tokio::time::sleep(page::PERIOD).await;
            tick += 1;
            if tick.is_multiple_of(5) {
                progress.draw(shared);
            }
        }
    });

    let fed = tokio::select! {
        fed = &mut feeding => joined_task(fed),
        _ = tokio::signal::ctrl_c() => {
            shared.interrupt();
            match tokio::time::timeout(FEED_PATIENCE, feeding).await {
                Ok(fed) => joined_task(fed),
                Err(_) => {
                    // Stuck in a read: left behind.
                    shared.end_source();
                    Ok(())
                }
            }
        }
    };
    // Now, while the consumers are there.
    let ring_metrics = ring.metrics();
    let ring_latency = joined_task(aggregating.await);
    let archived = joined_task(archiving.await);
    let mode = FinalizeMode::Drain {
        deadline: Some(Duration::from_secs(30)),
    };
    let finalized = agent.finalize_with(mode).await;
    let stored = joined_task(storing.await);
    let failed = joined_task(failing.await);
    let verified = joined_task(verifying.await);
    let bar_summary = collecting
        .await
        .map_err(Failure::because("collecting bars"))?;
    watching.await.map_err(Failure::because("the monitor"))?;
    #[cfg(target_os = "linux")]
    let mirrored = match mirroring {
        Some(mirroring) => joined_task(mirroring.await),
        None => Ok(()),
    };
    drawing.abort();
    timeline.sample(shared);
    progress.finish(shared);

    // Causes ahead of consequences.
    let fed = match fed {
        Err(failure) if failure.is_input() => return Err(failure),
        other => other,
    };
    let Verified {
        rows,
        wrong,
        bars,
        latency,
    } = verified?;
    stored?;
    failed?;
    archived?;
    #[cfg(target_os = "linux")]
    mirrored?;
    let ring_latency = ring_latency?;
    fed?;
    finalized.map_err(Failure::because("finalizing the agent"))?;
    if wrong > 0 {
        return Err(Failure::run(format!("{wrong} rows came back changed")));
    }
    if bars != bar_summary && !shared.is_interrupted() {
        return Err(Failure::run(format!(
            "other bars from the archive: {bars:?} against {bar_summary:?}"
        )));
    }
    let [
        rows_in,
        malformed,
        blocks,
        groups,
        sealed_bytes,
        fetched_bytes,
        monitor_rows,
        monitor_missed,
    ] = Report::counters(shared);
    Ok(Report {
        interrupted: shared.is_interrupted(),
        rows_in,
        rows_verified: rows,
        malformed,
        elapsed: start.elapsed(),
        row_bytes: ring.schema().row_bytes() as u64,
        blocks,
        groups,
        sealed_bytes,
        fetched_bytes,
        bars,
        monitor_rows,
        monitor_missed,
        ring_latency,
        end_latency: latency,
        ledger: ledger::snapshot().since(&before),
        ring: ring_metrics,
        cache: cache.stats(),
    })
}

/// The result of a task; a panic in it is a failure of the run.
fn joined_task<T>(
    result: Result<Result<T, Failure>, tokio::task::JoinError>,
) -> Result<T, Failure> {
    result.map_err(Failure::because("a stage panicked"))?
}
