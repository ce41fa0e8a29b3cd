//! Content hashes that decide whether something must be built again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Hashes texts and files, in the order given.
#[derive(Default)]
pub struct Hash(Sha256);

impl Hash {
    /// Adds a text.
    pub fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds a file's content, or everything in a directory in name order.
    pub fn path(self, path: &Path) -> Result<Self> {
        if !path.is_dir() {
            let content =
                fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            return Ok(self.text(&String::from_utf8_lossy(&content)));
        }
        let mut entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        entries.iter().try_fold(self, |hash, entry| {
            hash.text(&entry.file_name().to_string_lossy())
                .path(&entry.path())
        })
    }

    /// The hash as hexadecimal digits.
    pub fn hex(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

/// Does `work` unless `stamp` already holds `hash` and all `products` exist.
/// Returns whether it did.
pub fn unless_stamped(
    stamp: &Path,
    hash: &str,
    products: &[&Path],
    work: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    let recorded = fs::read_to_string(stamp).unwrap_or_default();
    if recorded == hash && products.iter().all(|product| product.exists()) {
        return Ok(false);
    }
    work()?;
    fs::write(stamp, hash).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_between_texts_count() {
        let one = Hash::default().text("ab").text("c").hex();
        let other = Hash::default().text("a").text("bc").hex();
        assert_ne!(one, other);
    }

    #[test]
    fn works_once_per_hash() {
        let dir = std::env::temp_dir().join(format!("e2e-node-digest-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (stamp, product) = (dir.join("stamp"), dir.join("product"));
        let build = || Ok(fs::write(&product, "built")?);
        assert!(unless_stamped(&stamp, "1", &[&product], build).unwrap());
        assert!(!unless_stamped(&stamp, "1", &[&product], build).unwrap());
        assert!(unless_stamped(&stamp, "2", &[&product], build).unwrap());
        fs::remove_file(&product).unwrap();
        assert!(unless_stamped(&stamp, "2", &[&product], build).unwrap());
        fs::remove_dir_all(&dir).unwrap();
    }
}
