//! An asymmetric barrier: free for the side that runs often, dear for the side that runs seldom.
//!
//! Two threads that each write one word and then read the other's need a store→load barrier each,
//! or both may read the old value. Where one of them does this at every step and the other once in
//! a while, the whole price can be put on the second: [`light`] only keeps the compiler from moving
//! accesses across it, and [`heavy`] makes the kernel execute a barrier on every processor that
//! runs a thread of this process at that time.
//!
//! For each thread, [`heavy`] therefore falls somewhere in its program. What that thread stored
//! before that place is seen by whoever called `heavy`, after the call; what it loads after that
//! place sees what the caller stored before the call. A [`light`] between the thread's store and
//! its load keeps their order in the program, so that the place is not between "loaded" and
//! "not yet stored".
//!
//! Both sides must belong to one process. Source: Linux `membarrier(2)`, private expedited; the
//! idea is that of Folly's and the Windows kernel's process-wide barriers.
//!
//! A model checker knows no such barrier. There both are full ones: models show that the protocol
//! around it is right, and a stress test on real threads shows the barrier at work.

pub use imp::{heavy, is_available, light};

#[cfg(all(target_os = "linux", not(any(miri, zc_loom, zc_shuttle))))]
mod imp {
    use crate::sync::seeded;
    use crate::sync::unmodelled::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

    const UNKNOWN: usize = 0;
    const ABSENT: usize = 1;
    const PRESENT: usize = 2;

    static STATE: AtomicUsize = AtomicUsize::new(UNKNOWN);

    /// Whether [`heavy`] does what it says on this system. Where it does not, neither function may
    /// be relied on. The first call asks the kernel, which can take milliseconds in a process that
    /// has threads already; the others cost a load.
    #[inline]
    #[must_use]
    pub fn is_available() -> bool {
        match STATE.load(Relaxed) {
            UNKNOWN => ask(),
            state => state == PRESENT,
        }
    }

    #[cold]
    fn ask() -> bool {
        let wanted = libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED
            | libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
        let offered = membarrier(libc::MEMBARRIER_CMD_QUERY);
        let present = offered >= 0
            && offered & libc::c_long::from(wanted) == libc::c_long::from(wanted)
            && membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
        STATE.store(if present { PRESENT } else { ABSENT }, Relaxed);
        present
    }

    /// The side that runs often: no instruction, but the compiler keeps the order.
    #[inline(always)]
    pub fn light() {
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    }

    /// The side that runs seldom: a system call, 1 µs with no other thread of the process running
    /// and tens of µs on a virtual machine where others are.
    ///
    /// # Panics
    /// If the kernel refuses after it has promised ([`is_available`]) not to.
    #[cold]
    pub fn heavy() {
        if seeded("core.heavy_barrier") {
            return;
        }
        assert_eq!(
            membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED),
            0,
            "membarrier was registered and cannot fail after that"
        );
    }

    fn membarrier(command: libc::c_int) -> libc::c_long {
        // SAFETY: the call takes three integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }
    }
}

#[cfg(not(all(target_os = "linux", not(any(miri, zc_loom, zc_shuttle)))))]
mod imp {
    use crate::sync::{seeded, store_load_barrier};

    /// See the documentation on Linux. A model checker is told that it is there.
    #[must_use]
    pub fn is_available() -> bool {
        cfg!(any(zc_loom, zc_shuttle))
    }

    /// See the documentation on Linux.
    pub fn light() {
        if !seeded("core.light_barrier") {
            store_load_barrier();
        }
    }

    /// See the documentation on Linux.
    pub fn heavy() {
        if !seeded("core.heavy_barrier") {
            store_load_barrier();
        }
    }
}
