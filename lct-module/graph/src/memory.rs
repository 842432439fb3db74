//! How much an allocation really takes.

/// What an allocation of `bytes` takes from an allocator with the usual size classes (jemalloc's, which Redis is built
/// with): steps of 16 bytes up to 128, then four steps to each doubling.
pub(crate) const fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => bytes.next_multiple_of(16),
        _ => {
            let doubling = (bytes - 1).ilog2();
            bytes.next_multiple_of(1 << (doubling - 2))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::allocated;

    #[test]
    fn follows_the_size_classes() {
        let classes = [
            0, 8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640,
            768,
        ];
        for pair in classes.windows(2) {
            assert_eq!(allocated(pair[0] + 1), pair[1]);
            assert_eq!(allocated(pair[1]), pair[1]);
        }
        assert_eq!(allocated(4_097), 5_120);
    }
}
