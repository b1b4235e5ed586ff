//! [`SharedRing`]: a ring in a file, created or opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use zc_core::sync::Arc;
use zc_core::wait::WaitStrategy;

use super::attachment::{Attachment, Handle};
use super::consumer::SharedConsumer;
use super::control::Control;
use super::error::SharedError;
use super::header::{HEADER, Header};
use super::layout::{CONTROL, MAX_HANDLES};
use super::map::Mapping;
use super::place::Place;
use super::process::Process;
use super::producer::SharedProducer;
use super::reader::Reader;
use super::{monitor, wait};
use crate::consumer::ConsumerOptions;
use crate::error::{JoinError, ProducerError};
use crate::metrics::RingMetrics;
use crate::rows::{RowRing, Schema};

/// A [`RowRing`] in a file that several processes map. See the [module](super).
pub struct SharedRing {
    attachment: Arc<Attachment>,
    _handle: Handle,
}

impl RowRing {
    /// Creates a ring of `capacity` rows, a power of two, in a new file, for this and other
    /// processes. A name without a slash is a file in `/dev/shm`, that is, in memory.
    ///
    /// The file appears under its name when it is complete, with all the room it will ever need. It
    /// stays when every process has closed it: [open](Self::open_shared) it again, or remove it.
    ///
    /// ```
    /// use zc_ring::{ConsumerOptions, Poll, RowRing, Schema};
    ///
    /// let path = std::env::temp_dir().join(format!("quotes-{}", std::process::id()));
    /// let schema = Schema::builder().i64("ts").f64("price").build()?;
    /// let ring = RowRing::create_shared(&path, schema, 1024)?;
    /// let mut producer = ring.producer()?;
    ///
    /// // In another process, most likely:
    /// let there = RowRing::open_shared(&path)?;
    /// let price = there.schema().column::<f64>("price")?;
    /// let mut consumer = there.consumer(ConsumerOptions::default())?;
    ///
    /// let (ts, px) = (ring.schema().column::<i64>("ts")?, ring.schema().column::<f64>("price")?);
    /// producer.push(|row| {
    ///     row.set(ts, 1_700_000_000)?;
    ///     row.set(px, 99.5)
    /// })?;
    /// let Poll::Rows(batch) = consumer.poll(64) else { panic!("a row is there") };
    /// assert_eq!(batch.column(price).get(0), Some(99.5));
    /// # drop(batch);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`SharedError::Exists`] if there is such a file, [`SharedError::Build`] for a capacity that
    /// is none, [`SharedError::UnsupportedColumn`], [`SharedError::SchemaTooLarge`],
    /// [`SharedError::Io`], for example where there is no room left.
    pub fn create_shared(
        path: impl AsRef<Path>,
        schema: Schema,
        capacity: usize,
    ) -> Result<SharedRing, SharedError> {
        let options = SharedOptions::default();
        options.create(path, schema, capacity)
    }

    /// Opens a ring that this or another process has [created](Self::create_shared).
    ///
    /// # Errors
    /// Every variant of [`SharedError`] but `Exists`, `UnsupportedColumn` and `SchemaTooLarge`. The
    /// file is as it was then.
    pub fn open_shared(path: impl AsRef<Path>) -> Result<SharedRing, SharedError> {
        SharedOptions::default().open(path)
    }
}

/// How a shared ring is created or opened, where [`RowRing::create_shared`] and
/// [`RowRing::open_shared`] are not enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct SharedOptions {
    initial: u64,
    strategy: WaitStrategy,
}

impl SharedOptions {
    /// How this process's ends wait; [`WaitStrategy::Adaptive`] unless set.
    #[must_use]
    pub fn wait(mut self, strategy: WaitStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The sequence of the first row of a ring that is created; 0 unless set.
    #[must_use]
    pub fn initial_sequence(mut self, sequence: u64) -> Self {
        self.initial = sequence;
        self
    }

    /// As [`RowRing::create_shared`].
    ///
    /// # Errors
    /// As there.
    pub fn create(
        self,
        path: impl AsRef<Path>,
        schema: Schema,
        capacity: usize,
    ) -> Result<SharedRing, SharedError> {
        let path = full_path(path.as_ref());
        let header = Header::new(schema, capacity, self.initial)?;
        // Under another name until it is complete, so that nobody opens half a ring.
        let mut draft = path.clone().into_os_string();
        draft.push(format!(".{}.new", std::process::id()));
        let draft = PathBuf::from(draft);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&draft)
            .map_err(failed("create", &draft))?;
        let written = fill(&file, &header, &draft).and_then(|()| {
            // Unlike a rename, a link does not replace what is there.
            fs::hard_link(&draft, &path).map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => SharedError::Exists { path: path.clone() },
                _ => failed("create", &path)(source),
            })
        });
        let removed = fs::remove_file(&draft).map_err(failed("remove", &draft));
        written.and(removed)?;
        self.attach(&file, &header, &path)
    }

    /// As [`RowRing::open_shared`].
    ///
    /// # Errors
    /// As there.
    pub fn open(self, path: impl AsRef<Path>) -> Result<SharedRing, SharedError> {
        let path = full_path(path.as_ref());
        let (file, header) = open(&path, true)?;
        self.attach(&file, &header, &path)
    }

    fn attach(self, file: &File, header: &Header, path: &Path) -> Result<SharedRing, SharedError> {
        wait::register();
        let process = Process::current().map_err(failed("tell this process apart for", path))?;
        let mapping = map(file, header, path, true)?;
        let attachment = Arc::new(Attachment {
            control: Arc::new(control(&mapping, header)?),
            store: header.rows(&mapping)?,
            process,
            strategy: self.strategy,
        });
        SharedRing::over(attachment)
    }
}

impl SharedRing {
    pub(super) fn over(attachment: Arc<Attachment>) -> Result<Self, SharedError> {
        let handle = Handle::take(&attachment);
        let limit = MAX_HANDLES;
        let handle = handle.ok_or(SharedError::TooManyHandles { limit })?;
        Ok(Self {
            attachment,
            _handle: handle,
        })
    }

    /// Makes the producer, if no process that is alive has it.
    ///
    /// It goes on where the last one ended; a row that one was killed over is set again.
    ///
    /// # Errors
    /// [`ProducerError::Taken`] while there is one.
    pub fn producer(&self) -> Result<SharedProducer, ProducerError> {
        SharedProducer::new(&self.attachment)
    }

    /// Adds a consumer, at any time. It sees every row from where it starts.
    ///
    /// # Errors
    /// [`JoinError::SequenceOutOfRange`], [`JoinError::UnknownDependency`],
    /// [`JoinError::NameTooLong`], [`JoinError::TooManyConsumers`].
    pub fn consumer(&self, options: ConsumerOptions<'_>) -> Result<SharedConsumer, JoinError> {
        let (place, start) = Place::join(&self.attachment, options)?;
        let reader = Reader::new(place, options.on_lag, start);
        Ok(SharedConsumer::new(reader, options.name))
    }

    /// The columns of a row.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.attachment.store.schema
    }

    /// Number of rows the ring holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.attachment.control.capacity as usize
    }

    /// Reads the ring's counters, those of all processes.
    #[must_use]
    pub fn metrics(&self) -> RingMetrics {
        monitor::snapshot(&self.attachment.control)
    }
}

impl std::fmt::Debug for SharedRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedRing")
            .field("capacity", &self.capacity())
            .field("head", &self.attachment.control.head())
            .field("schema", self.schema())
            .finish_non_exhaustive()
    }
}

/// A name without a slash is one in `/dev/shm`.
pub(super) fn full_path(path: &Path) -> PathBuf {
    if path.as_os_str().as_encoded_bytes().contains(&b'/') {
        path.to_owned()
    } else {
        Path::new("/dev/shm").join(path)
    }
}

/// Opens a file and checks its header.
pub(super) fn open(path: &Path, writable: bool) -> Result<(File, Header), SharedError> {
    let file = OpenOptions::new().read(true).write(writable).open(path);
    let file = file.map_err(failed("open", path))?;
    let meta = file.metadata().map_err(failed("look at", path))?;
    if !meta.is_file() {
        return Err(SharedError::Foreign);
    }
    let header = Header::read(&file, meta.len(), path)?;
    Ok((file, header))
}

pub(super) fn map(
    file: &File,
    header: &Header,
    path: &Path,
    writable: bool,
) -> Result<Arc<Mapping>, SharedError> {
    let mapping = Mapping::new(file, header.len, writable);
    Ok(Arc::new(mapping.map_err(failed("map", path))?))
}

/// The control area of a mapped ring, its words checked.
pub(super) fn control(mapping: &Arc<Mapping>, header: &Header) -> Result<Control, SharedError> {
    let control = Control::new(mapping, HEADER, header.capacity, header.initial);
    match control.check() {
        Ok(()) => Ok(control),
        Err(corrupt) => Err(SharedError::Corrupt { what: corrupt.0 }),
    }
}

/// Gives a new file its length and its header.
fn fill(file: &File, header: &Header, path: &Path) -> Result<(), SharedError> {
    file.set_len(header.len as u64)
        .map_err(failed("size", path))?;
    // With all its pages: a mapped page for which there is no room left is a signal.
    // SAFETY: the call takes a descriptor, which is open, and two integers.
    let result = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, header.len as libc::off_t) };
    if result != 0 {
        return Err(failed("reserve room for", path)(
            io::Error::from_raw_os_error(result),
        ));
    }
    header.write(file, path)
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> SharedError {
    let path = path.to_owned();
    move |source| SharedError::Io {
        action,
        path: path.clone(),
        source,
    }
}

// `CONTROL` words lie behind the header.
const _: () = assert!(HEADER.is_multiple_of(4096) && (CONTROL * 8).is_multiple_of(4096));
