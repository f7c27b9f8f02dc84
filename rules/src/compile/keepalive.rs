//! How long clients' connections are kept, made of the layers that say anything of it.

use crate::language::keepalive::Keepalive as Written;
use crate::table::Keepalive;

/// What `layers` say, weakest first, and `usual` where they say nothing.
pub(super) fn compile<'l>(layers: impl Iterator<Item = &'l Written>, usual: Keepalive) -> Keepalive {
    layers.fold(usual, |outer, layer| {
        let requests = |limit: u64| u32::try_from(limit).unwrap_or(u32::MAX);
        Keepalive {
            idle: layer.idle.as_ref().map_or(outer.idle, |idle| idle.value.0),
            requests: layer.requests.as_ref().map_or(outer.requests, |limit| limit.value.0.map(requests)),
            age: layer.age.as_ref().map_or(outer.age, |age| age.value.0),
            told: layer.told.as_ref().map_or(outer.told, |told| told.value.0),
            except: layer.except.as_ref().map_or(outer.except, |except| except.value),
        }
    })
}
