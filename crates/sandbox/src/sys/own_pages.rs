//! What this process has mapped of its own program.

use std::io;
use std::ops::Range;

use super::check;

/// Takes the program's text and constants out of this process's page table. They stay in the kernel's cache, and what
/// is used again comes back with a page fault, together with its neighbours. For the end of a start: a program touches
/// much as it starts that it does not need again, and all of that counts as its memory until somebody says so.
///
/// # Errors
/// What the kernel says; nothing is lost then.
pub fn unmap_what_the_start_used() -> io::Result<()> {
    let mut segments: Vec<Range<usize>> = Vec::new();
    // SAFETY: the callback is given this vector, which lives across the call, and nobody else has.
    unsafe { libc::dl_iterate_phdr(Some(constant_segments), (&raw mut segments).cast()) };
    segments.into_iter().try_for_each(|segment| {
        // SAFETY: these pages are never written to, so that the file has what they hold; it cannot change while it is
        // executed.
        let result = unsafe { libc::madvise(segment.start as *mut _, segment.len(), libc::MADV_DONTNEED) };
        check(result.into()).map(|_| ())
    })
}

/// Collects the segments of the program itself, which comes first, that nobody can write to.
///
/// Source: dl_iterate_phdr(3).
unsafe extern "C" fn constant_segments(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    segments: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the caller passes an object that is loaded, and the vector it was given.
    let (object, segments) = unsafe { (&*object, &mut *segments.cast::<Vec<Range<usize>>>()) };
    // SAFETY: the object says where its headers are, and how many.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
    // SAFETY: takes no pointers.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(usize::MAX);
    let constant =
        headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0);
    segments.extend(constant.filter_map(|header| {
        let start = usize::try_from(object.dlpi_addr + header.p_vaddr).ok()?;
        let end = start + usize::try_from(header.p_memsz).ok()?;
        // Whole pages, within.
        let pages = start.next_multiple_of(page)..end / page * page;
        (!pages.is_empty()).then_some(pages)
    }));
    // Not the libraries.
    1
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// How much of the program's text is mapped, in KiB.
    fn mapped_text() -> u64 {
        let program = fs::read_link("/proc/self/exe").unwrap();
        let text = fs::read_to_string("/proc/self/smaps").unwrap();
        let mut within = false;
        let sizes = text.lines().filter_map(|line| {
            if line.contains("-") && line.contains(" r-xp ") {
                within = line.ends_with(program.to_str().unwrap());
            } else if within && line.starts_with("Rss:") {
                within = false;
                return line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok();
            }
            None
        });
        sizes.sum()
    }

    #[test]
    fn what_is_not_needed_any_more_does_not_count_and_what_is_comes_back() {
        let before = mapped_text();
        unmap_what_the_start_used().unwrap();
        let after = mapped_text();
        assert!(after < before, "{before} KiB before, {after} after");
        assert_eq!(format!("{:?}", [1.5, f64::NAN]), "[1.5, NaN]");
    }
}
