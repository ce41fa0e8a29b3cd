//! As much of Markdown as the documents use: fenced blocks, links, headings.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A document.
pub struct Document {
    /// Relative to the repository.
    pub path: String,
    text: String,
}

/// A fenced block.
pub struct Block {
    /// The document and the line of the block's beginning.
    pub place: String,
    /// The word after the fence.
    pub language: String,
    /// What is between the fences.
    pub content: String,
}

impl Document {
    /// Reads a document of the repository.
    pub fn read(root: &Path, path: &str) -> Result<Self> {
        let text =
            fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))?;
        Ok(Self {
            path: path.to_owned(),
            text,
        })
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut inside = false;
        for (index, line) in self.text.lines().enumerate() {
            match line.trim_start().strip_prefix("```") {
                Some(language) if !inside => {
                    inside = true;
                    blocks.push(Block {
                        place: format!("{}:{}", self.path, index + 1),
                        language: language.to_owned(),
                        content: String::new(),
                    });
                }
                Some(_) => inside = false,
                None if inside => {
                    if let Some(block) = blocks.last_mut() {
                        block.content.push_str(line);
                        block.content.push('\n');
                    }
                }
                None => {}
            }
        }
        blocks
    }

    /// The lines outside fenced blocks.
    fn prose(&self) -> impl Iterator<Item = &str> {
        let mut inside = false;
        self.text.lines().filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            inside ^= fence;
            !inside && !fence
        })
    }

    /// What its links point to.
    pub fn links(&self) -> Vec<&str> {
        self.prose()
            .flat_map(|line| line.split("](").skip(1))
            .filter_map(|rest| rest.split(')').next())
            .collect()
    }

    /// The anchors of its headings.
    pub fn anchors(&self) -> Vec<String> {
        self.prose()
            .filter(|line| line.starts_with('#'))
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }
}

/// What a heading is called in links to it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|letter| match letter {
            ' ' => Some('-'),
            '-' | '_' => Some(letter),
            _ => letter.is_alphanumeric().then_some(letter),
        })
        .collect()
}

/// All documents of the repository; build results and hidden directories hold none.
pub fn all(root: &Path) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = directory.join(&name);
            let skipped = name.starts_with('.') || ["target", "dist"].contains(&name.as_str());
            if entry.file_type()?.is_dir() && !skipped {
                directories.push(path);
            } else if name.ends_with(".md") {
                documents.push(Document::read(root, &path.to_string_lossy())?);
            }
        }
    }
    Ok(documents)
}
