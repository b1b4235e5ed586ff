//! The sinks behind features: a channel, and a multipart upload.
#![cfg(not(any(zc_loom, zc_shuttle)))]

#[cfg(any(feature = "channel", feature = "object-store"))]
mod common;

#[cfg(any(feature = "channel", feature = "object-store"))]
use {common::*, zc_agent::*};

/// `n` groups of 100 bytes, one of them with an adopted stretch.
#[cfg(any(feature = "channel", feature = "object-store"))]
async fn groups(n: u64) -> Vec<SuccessfulGroupData> {
    let (handle, mut groups, _failures) = Manager::builder()
        .min_group_commit_size(100)
        .adopt_threshold(60)
        .spawn()
        .unwrap();
    for _ in 0..n {
        fill_and_commit(handle.reserve_writer(size(40)).await.unwrap());
        let agent = handle.reserve_writer(size(60)).await.unwrap();
        let bytes = pattern_bytes(agent.offset(), 60);
        agent.into_single_agent().submit_bytes(bytes).await.unwrap();
    }
    let mut all = vec![];
    for _ in 0..n {
        all.push(next(&mut groups).await);
    }
    all
}

#[cfg(feature = "channel")]
mod channel {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn groups_move_into_a_channel_as_they_are() {
        let (tx, rx) = zc_channel::bounded(8);
        let mut sink = ChannelSink::new(tx);
        for group in groups(3).await {
            let at: Vec<_> = group.chunks().iter().map(|c| c.as_ptr()).collect();
            within(sink.write_group(group)).await.unwrap();
            let group = rx.try_recv().unwrap();
            let same: Vec<_> = group.chunks().iter().map(|c| c.as_ptr()).collect();
            assert_eq!(at, same);
        }
        sink.finish().await.unwrap();
        assert_eq!(rx.recv().await.map(|g| g.offset), None, "the end");
    }

    #[tokio::test]
    async fn a_cancelled_send_is_made_up_for_by_the_next() {
        let (tx, rx) = zc_channel::bounded(1);
        let mut sink = ChannelSink::new(tx);
        let mut all = groups(4).await.into_iter();
        sink.write_group(all.next().unwrap()).await.unwrap();
        for group in all.by_ref().take(2) {
            assert!(sink.write_group(group).now_or_never().is_none(), "full");
        }
        let receiver = tokio::spawn(async move {
            let mut offsets = vec![];
            while let Some(group) = rx.recv().await {
                offsets.push(group.offset);
            }
            offsets
        });
        within(sink.write_group(all.next().unwrap())).await.unwrap();
        within(sink.finish()).await.unwrap();
        assert_eq!(receiver.await.unwrap(), [0, 100, 200, 300]);
    }

    #[tokio::test]
    async fn with_no_receiver_left_the_group_comes_back() {
        let (tx, rx) = zc_channel::bounded(1);
        let mut sink = ChannelSink::new(tx);
        drop(rx);
        let group = groups(1).await.pop().unwrap();
        let error = sink.write_group(group).await.unwrap_err();
        assert_eq!(error.source.kind(), std::io::ErrorKind::BrokenPipe);
        assert_eq!(error.group.unwrap().len, 100);
        sink.finish().await.unwrap();
        let error = sink
            .write_group(groups(1).await.remove(0))
            .await
            .unwrap_err();
        assert_eq!(error.group.unwrap().len, 100);
    }
}

#[cfg(feature = "object-store")]
mod multipart {
    use super::*;
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{MultipartUpload, ObjectStoreExt, PutPayload, PutResult, UploadPart};
    use std::sync::Arc;
    use zc_core::sync::Mutex;

    /// An upload that keeps account, and fails part `fails_at`.
    #[derive(Debug, Default, Clone)]
    struct Account(Arc<Mutex<Book>>);

    #[derive(Debug, Default)]
    struct Book {
        parts: Vec<Vec<bytes::Bytes>>,
        fails_at: Option<usize>,
        completed: usize,
        aborted: usize,
    }

    #[async_trait::async_trait]
    impl MultipartUpload for Account {
        fn put_part(&mut self, data: PutPayload) -> UploadPart {
            let mut book = self.0.lock();
            let fails = book.fails_at == Some(book.parts.len());
            book.parts.push(data.as_ref().to_vec());
            Box::pin(async move {
                tokio::task::yield_now().await;
                match fails {
                    true => Err(object_store::Error::NotImplemented {
                        operation: "this part".into(),
                        implementer: "the test".into(),
                    }),
                    false => Ok(()),
                }
            })
        }

        async fn complete(&mut self) -> object_store::Result<PutResult> {
            tokio::task::yield_now().await;
            self.0.lock().completed += 1;
            Ok(PutResult {
                e_tag: None,
                version: None,
            })
        }

        async fn abort(&mut self) -> object_store::Result<()> {
            self.0.lock().aborted += 1;
            Ok(())
        }
    }

    #[tokio::test]
    async fn an_object_is_what_was_written() {
        let store = InMemory::new();
        let path = Path::from("object");
        let upload = store.put_multipart(&path).await.unwrap();
        let mut sink = MultipartSink::new(upload).part_size(130).concurrency(2);
        for group in groups(10).await {
            within(sink.write_group(group)).await.unwrap();
        }
        within(sink.finish()).await.unwrap();
        within(sink.finish()).await.unwrap();
        let object = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(object, pattern_bytes(0, 1000));
    }

    #[tokio::test]
    async fn parts_are_equal_and_of_the_groups_own_memory() {
        let account = Account::default();
        let mut sink = MultipartSink::new(Box::new(account.clone())).part_size(130);
        let mut memory = vec![];
        for group in groups(10).await {
            memory.extend(group.chunks().iter().map(|c| c.as_ptr_range()));
            within(sink.write_group(group)).await.unwrap();
        }
        within(sink.finish()).await.unwrap();
        let book = account.0.lock();
        let lens: Vec<usize> = book
            .parts
            .iter()
            .map(|p| p.iter().map(|b| b.len()).sum())
            .collect();
        assert_eq!(lens, [130, 130, 130, 130, 130, 130, 130, 90]);
        for bytes in book.parts.iter().flatten() {
            let range = bytes.as_ptr_range();
            assert!(
                memory
                    .iter()
                    .any(|m| m.start <= range.start && range.end <= m.end)
            );
        }
        assert_eq!((book.completed, book.aborted), (1, 0));
    }

    #[tokio::test]
    async fn a_part_that_fails_aborts_the_upload() {
        let account = Account::default();
        account.0.lock().fails_at = Some(1);
        let mut sink = MultipartSink::new(Box::new(account.clone()))
            .part_size(100)
            .concurrency(1);
        let mut all = groups(4).await.into_iter();
        let error = loop {
            if let Err(error) = within(sink.write_group(all.next().unwrap())).await {
                break error;
            }
        };
        assert!(error.source.to_string().contains("this part"), "{error:?}");
        assert_eq!(account.0.lock().aborted, 1);
        let error = within(sink.write_group(all.next().unwrap()))
            .await
            .unwrap_err();
        assert!(error.group.is_some(), "refused, and given back");
        assert!(within(sink.finish()).await.is_err());
        sink.abort().await.unwrap();
        let book = account.0.lock();
        assert_eq!((book.completed, book.aborted), (0, 1));
    }

    #[tokio::test]
    async fn a_gap_is_refused_and_the_group_comes_back() {
        let account = Account::default();
        let mut sink = MultipartSink::new(Box::new(account.clone())).part_size(100);
        let mut all = groups(2).await;
        let error = within(sink.write_group(all.pop().unwrap()))
            .await
            .unwrap_err();
        assert_eq!(error.source.kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(error.group.unwrap().offset, 100);
        within(sink.write_group(all.pop().unwrap())).await.unwrap();
        assert_eq!(sink.position(), 100);
        sink.abort().await.unwrap();
        assert_eq!(account.0.lock().aborted, 1);
    }

    #[tokio::test]
    async fn a_cancelled_finish_completes_the_upload_once() {
        use futures_util::FutureExt;
        let account = Account::default();
        let mut sink = MultipartSink::new(Box::new(account.clone())).part_size(70);
        for group in groups(3).await {
            within(sink.write_group(group)).await.unwrap();
        }
        let mut polls = 0;
        while sink.finish().now_or_never().is_none() {
            polls += 1;
            tokio::task::yield_now().await;
        }
        assert!(polls > 0, "it waits for the parts");
        assert_eq!(account.0.lock().completed, 1);
    }
}
