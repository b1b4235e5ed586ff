//! The six-step example, as a test.
#![cfg(not(any(zc_loom, zc_shuttle)))]

#[path = "../examples/pipeline.rs"]
mod example;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn six_steps_with_a_dropped_and_a_wrong_size_reservation() {
    for _ in 0..50 {
        let outcome = example::run().await.unwrap();
        example::verify(&outcome);
    }
}
