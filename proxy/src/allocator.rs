//! Where memory comes from, and how soon it goes back.
#![allow(
    unsafe_code,
    reason = "jemalloc takes its options from a symbol of this name, which nothing else bears"
)]

use tikv_jemallocator::Jemalloc;

#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// What a burst of connections took is given back half a second after it is over, by a thread of jemalloc's own, whether
/// requests come or not. Huge pages would give back less, and so would more arenas than processors. An array, so that the
/// reference is what C takes for a string: an address and nothing more.
#[unsafe(export_name = "_rjem_malloc_conf")]
static OPTIONS: &[u8; 85] =
    b"background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,thp:never,narenas_ratio:1\0";
