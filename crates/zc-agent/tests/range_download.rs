//! The range download, as a test.
// ThreadSanitizer does not see that tokio's driver hands a registration over through epoll, of which
// it uses two descriptors, and reports tokio itself; what is tested here has no threads of its own.
#![cfg(all(unix, not(any(zc_loom, zc_shuttle, zc_tsan))))]

#[path = "../examples/range_download.rs"]
mod example;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_with_broken_connections_is_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    // This very program: a real file, and a few megabytes of it.
    let original = std::env::current_exe().unwrap();
    let outcome = example::run(original.clone(), &folder.path().join("copy"))
        .await
        .unwrap();
    assert_eq!(outcome.bytes, original.metadata().unwrap().len());
    assert_eq!(outcome.hashes.0, outcome.hashes.1);
    assert!(outcome.retried > 0, "connections were broken");
}
