//! A bounded channel with a thread on one end and a task on the other.

use std::thread;

use zcbuf::channel::bounded;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let (sender, receiver) = bounded::<String>(4);

    let worker = thread::spawn(move || {
        for i in 0..10 {
            // Blocks while four messages wait to be received.
            if sender.send_blocking(format!("message {i}")).is_err() {
                return;
            }
        }
        // Dropping the last sender closes the channel; what was sent can still be received.
    });

    while let Some(message) = receiver.recv().await {
        println!("{message}");
    }
    worker.join().expect("the worker does not panic");
}
