//! PROXY headers.

use crate::proxy_header::{Introduced, Read, read, write};

/// A header asks for no byte that is not its own, and says the same when it is written again.
pub fn proxy_headers(bytes: &[u8]) {
    let mut came = 0;
    while let Some(header) = bytes.get(..came) {
        match read(header) {
            Ok(Read::More(more)) => {
                assert!(more > 0);
                came += more;
            }
            Ok(Read::Whole(introduced)) => return again(introduced),
            Err(why) => return assert!(!why.is_empty()),
        }
    }
}

fn again(introduced: Introduced) {
    for version in [1, 2] {
        let header = write(version, introduced);
        assert_eq!(read(&header), Ok(Read::Whole(introduced)), "version {version}");
        for cut in 0..header.len() {
            let more = header.len() - cut;
            let read = read(&header[..cut]);
            assert!(matches!(read, Ok(Read::More(asked)) if asked <= more), "{read:?} of {cut}");
        }
    }
}
