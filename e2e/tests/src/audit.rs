//! The API server's audit log: who asked for what, and what became of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// An audit log.
#[derive(Clone, Debug)]
pub struct AuditLog {
    file: PathBuf,
}

/// One request, as audited.
#[derive(Clone, Debug)]
pub struct Request {
    /// The whole audit event.
    pub event: Value,
}

/// Which requests to look at; empty fields match everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    /// Who, in full: `system:serviceaccount:NAMESPACE:NAME`.
    pub user: &'a str,
    /// `create`, `patch`, …; several with `|` between them.
    pub verb: &'a str,
    /// Plural, with the subresource after a slash if there is one: `pods`, `locusttests/status`.
    pub resource: &'a str,
    /// Namespace of the object.
    pub namespace: &'a str,
    /// Name of the object. A POST without a name in its path has the name of what was sent, where bodies
    /// are audited.
    pub name: &'a str,
}

impl AuditLog {
    /// The log in this file.
    pub fn new(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
        }
    }

    /// All requests so far that are answered; a watch counts once, when it begins.
    pub fn all(&self) -> Result<Vec<Request>> {
        self.mentioning("")
    }

    /// Those of them that hold this text anywhere: who asked, what was sent, what was answered.
    pub fn mentioning(&self, text: &str) -> Result<Vec<Request>> {
        self.holding(&[text])
    }

    /// The requests that match, in the order they were answered.
    pub fn requests(&self, filter: &Filter<'_>) -> Result<Vec<Request>> {
        let mut found = self.holding(&[filter.user, filter.namespace, filter.name])?;
        found.retain(|request| filter.matches(request));
        Ok(found)
    }

    /// The requests whose lines hold all these words. Logs grow long, and reading JSON is slow where looking for a word
    /// is not.
    fn holding(&self, words: &[&str]) -> Result<Vec<Request>> {
        let log = fs::read_to_string(&self.file)
            .with_context(|| format!("cannot read {}", self.file.display()))?;
        // The last line may be half written.
        let events = log
            .lines()
            .filter(|line| words.iter().all(|word| line.contains(word)))
            .filter_map(|line| serde_json::from_str(line).ok());
        Ok(events
            .map(|event| Request { event })
            .filter(Request::counts)
            .collect())
    }

    /// How many requests match.
    pub fn count(&self, filter: &Filter<'_>) -> Result<usize> {
        Ok(self.requests(filter)?.len())
    }

    /// How many requests succeeded of those that match.
    pub fn count_successful(&self, filter: &Filter<'_>) -> Result<usize> {
        let all = self.requests(filter)?;
        Ok(all.iter().filter(|request| request.succeeded()).count())
    }
}

/// Fails if one of these status patches changed nothing, or was sent again after it was stored.
pub fn expect_no_idle_patches<'a>(requests: impl IntoIterator<Item = &'a Request>) -> Result<()> {
    let mut stored_versions = BTreeSet::new();
    let patches = requests
        .into_iter()
        .filter(|it| it.resource() == "locusttests/status" && it.succeeded());
    for patch in patches {
        let sent = patch.text("/requestObject/metadata/resourceVersion");
        let stored = patch.text("/responseObject/metadata/resourceVersion");
        ensure!(!sent.is_empty(), "a status patch without resourceVersion");
        ensure!(
            !stored.is_empty(),
            "the audit log has no stored version of a status patch"
        );
        ensure!(
            sent != stored && stored_versions.insert(stored.to_owned()),
            "a status patch that changed nothing: {}",
            patch.event["requestObject"]
        );
    }
    ensure!(!stored_versions.is_empty(), "no status was written at all");
    Ok(())
}

/// Follows an audit log: cheap enough to look every millisecond.
#[derive(Debug)]
pub struct Tail {
    reader: BufReader<File>,
    half: String,
}

impl Tail {
    /// Only requests answered from now on.
    pub fn from_now(log: &AuditLog) -> Result<Self> {
        let mut file =
            File::open(&log.file).with_context(|| format!("cannot read {}", log.file.display()))?;
        file.seek(SeekFrom::End(0))?;
        Ok(Self {
            reader: BufReader::new(file),
            half: String::new(),
        })
    }

    /// What was answered since the last call.
    pub fn read(&mut self) -> Result<Vec<Request>> {
        let mut found = Vec::new();
        self.each(|request| found.push(request))?;
        Ok(found)
    }

    /// The same one by one, for more than should be in memory at once.
    pub fn each(&mut self, mut look: impl FnMut(Request)) -> Result<()> {
        while self.reader.read_line(&mut self.half)? > 0 {
            if !self.half.ends_with('\n') {
                break;
            }
            if let Ok(event) = serde_json::from_str(&self.half) {
                let request = Request { event };
                if request.counts() {
                    look(request);
                }
            }
            self.half.clear();
        }
        Ok(())
    }
}

impl Request {
    fn text(&self, pointer: &str) -> &str {
        self.event
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn counts(&self) -> bool {
        match self.text("/stage") {
            "ResponseStarted" => self.verb() == "watch",
            "ResponseComplete" => self.verb() != "watch",
            _ => false,
        }
    }

    /// Who asked.
    pub fn user(&self) -> &str {
        self.text("/user/username")
    }

    /// With which program.
    pub fn user_agent(&self) -> &str {
        self.text("/userAgent")
    }

    /// `create`, `get`, `watch`, …
    pub fn verb(&self) -> &str {
        self.text("/verb")
    }

    /// Plural, with `/` and the subresource if there is one.
    pub fn resource(&self) -> String {
        match self.text("/objectRef/subresource") {
            "" => self.text("/objectRef/resource").to_owned(),
            subresource => format!("{}/{subresource}", self.text("/objectRef/resource")),
        }
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.text("/objectRef/apiGroup")
    }

    /// Namespace of the object.
    pub fn namespace(&self) -> &str {
        self.text("/objectRef/namespace")
    }

    /// Name of the object, if the request or the audited body has one.
    pub fn name(&self) -> &str {
        match self.text("/objectRef/name") {
            "" => self.text("/requestObject/metadata/name"),
            name => name,
        }
    }

    /// The HTTP status code of the answer.
    pub fn code(&self) -> u64 {
        self.event["responseStatus"]["code"].as_u64().unwrap_or(0)
    }

    /// What the API server said when it refused the request.
    pub fn refusal(&self) -> &str {
        self.text("/responseStatus/message")
    }

    /// Whether the answer was a good one.
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.code())
    }

    /// Whether the asker had the right to it. Quotas say 403 too.
    pub fn allowed(&self) -> bool {
        self.event["annotations"]["authorization.k8s.io/decision"] == "allow"
    }

    /// Whether it changes something, events not counted.
    pub fn is_write(&self) -> bool {
        let writes = ["create", "update", "patch", "delete", "deletecollection"];
        writes.contains(&self.verb()) && self.resource() != "events"
    }

    /// When the API server got it. Moments can be compared as text.
    pub fn received(&self) -> &str {
        self.text("/requestReceivedTimestamp")
    }

    /// Verb, resource, name and answer in a line.
    pub fn line(&self) -> String {
        format!(
            "{} {} {}/{} -> {}",
            self.verb(),
            self.resource(),
            self.namespace(),
            self.name(),
            self.code()
        )
    }
}

impl Filter<'_> {
    fn matches(&self, request: &Request) -> bool {
        let fits = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        fits(self.user, request.user())
            && (self.verb.is_empty() || self.verb.split('|').any(|verb| verb == request.verb()))
            && fits(self.resource, &request.resource())
            && fits(self.namespace, request.namespace())
            && fits(self.name, request.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(stage: &str, verb: &str, reference: Value) -> Request {
        Request {
            event: json!({"stage": stage, "verb": verb, "objectRef": reference, "user": {"username": "u"},
                "requestObject": {"metadata": {"name": "sent"}}, "responseStatus": {"code": 201}}),
        }
    }

    #[test]
    fn requests_are_found_by_what_they_are_about() {
        let status = json!({"resource": "locusttests", "subresource": "status", "namespace": "n", "name": "a"});
        let patch = request("ResponseComplete", "patch", status);
        let filter = |resource, verb| Filter {
            resource,
            verb,
            name: "a",
            ..Filter::default()
        };
        assert!(filter("locusttests/status", "create|patch").matches(&patch));
        assert!(!filter("locusttests", "patch").matches(&patch));
        assert!(!filter("locusttests/status", "create").matches(&patch));
    }

    #[test]
    fn a_post_has_the_name_of_what_was_sent() {
        let post = request("ResponseComplete", "create", json!({"resource": "jobs"}));
        assert_eq!(post.name(), "sent");
        assert!(post.succeeded());
    }

    #[test]
    fn a_status_patch_that_changes_nothing_is_found() {
        let patch = |sent: &str, stored: &str| {
            let reference = json!({"resource": "locusttests", "subresource": "status"});
            let mut request = request("ResponseComplete", "patch", reference);
            request.event["requestObject"] = json!({"metadata": {"resourceVersion": sent}});
            request.event["responseObject"] = json!({"metadata": {"resourceVersion": stored}});
            request
        };
        expect_no_idle_patches(&[patch("1", "2"), patch("2", "3")]).unwrap();
        expect_no_idle_patches(&[patch("1", "2"), patch("2", "2")]).unwrap_err();
        expect_no_idle_patches(&[patch("1", "2"), patch("1", "2")]).unwrap_err();
        expect_no_idle_patches(&[]).unwrap_err();
    }

    #[test]
    fn a_watch_counts_when_it_begins() {
        let watch = |stage| request(stage, "watch", json!({"resource": "jobs"})).counts();
        assert!(watch("ResponseStarted") && !watch("ResponseComplete"));
    }
}
