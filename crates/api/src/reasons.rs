//! Reasons: one CamelCase word for why a run or condition is as it is.
//!
//! `status.reason` explains the verdict; conditions use the same words where they mean the same. Every reason is
//! declared here once, with what people need to know of it; docs/troubleshooting.md is generated from that.

/// What a reason says about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All is well.
    Normal,
    /// Something keeps the run from starting, or from going on as it should.
    Problem,
    /// It explains a verdict.
    Outcome,
}

/// A reason, and what people need to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guide {
    /// The reason.
    pub word: &'static str,
    /// What it says about a run.
    pub kind: Kind,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// A command that shows more, for the test `first-test`; empty when there is nothing to look for.
    pub look: &'static str,
    /// What to do; empty when there is nothing to do.
    pub fix: &'static str,
}

macro_rules! reasons {
    ($($kind:ident $name:ident = $word:literal: $meaning:literal $(, look: $look:literal, fix: $fix:literal)?;)*) => {
        $(
            #[doc = $meaning]
            pub const $name: &str = $word;
        )*

        /// Every reason there is.
        pub const GUIDES: &[Guide] = &[
            $(Guide {
                word: $word,
                kind: Kind::$kind,
                meaning: $meaning,
                look: concat!($($look)?),
                fix: concat!($($fix)?),
            },)*
        ];
    };
}

reasons! {
    Normal CREATING = "ResourcesCreating": "The run is claimed; its objects are being created.";
    Normal CREATED = "ResourcesCreated": "Service, ConfigMap and both Jobs exist.";
    Normal REFS_FOUND = "ReferencesFound": "Everything that the spec names exists.";
    Normal WAITING_FOR_WORKERS = "WaitingForWorkers": "Workers have still to connect; load begins when all are there.";
    Normal ALL_WORKERS_CONNECTED = "AllWorkersConnected": "Every worker is connected.";
    Normal TEST_ENDED = "TestEnded": "The load has ended and the workers are leaving.";
    Normal PODS_HEALTHY = "PodsHealthy": "The pods are starting or running, and none reports a problem.";
    Normal SUSPENDED = "Suspended": "`spec.suspend` is set, and nothing is made until it is not.";
    Normal HELD = "HeldByOperator": "The operator runs with `--suspend-new` and starts no test.";
    Normal GROUP_BUSY = "GroupBusy": "Another test of the same `concurrencyGroup` runs, or waits for longer.";
    Normal NAMESPACE_BUSY = "NamespaceBusy": "As many tests run in the namespace as the operator's `--max-running-per-namespace` allows.";
    Normal STOP_REQUESTED = "StopRequested": "`spec.stop` is set, and the run is being ended.";
    Normal IN_PROGRESS = "TestInProgress": "The run is under way.";
    Normal TEST_SUCCEEDED = "TestSucceeded": "Published word for a test that ended well.";
    Normal TEMPLATE_VALID = "TemplateValid": "Tests can be made from the template.";
    Normal SUITE_IN_PROGRESS = "SuiteInProgress": "The suite is under way.";
    Normal WHEN_NOT_MET = "WhenNotMet": "The step of a suite was not to run: its `when` did not hold after the steps before it.";
    Normal EARLIER_STEP = "EarlierStepNotPassed": "The step of a suite did not run, or not again: a required step before had not passed, and its `onFailure` is not Continue.";
    Normal OPTIONAL_STEP = "OptionalStep": "A step that did not pass is one the suite may pass without.";
    Normal SCHEDULE_VALID = "ScheduleValid": "The schedule can be followed; the message says what was understood.";
    Normal IN_FORCE = "InForce": "Runs are started by the timetable.";
    Normal ON_DEMAND = "OnDemand": "The schedule has no timetable: runs are started on demand only.";
    Normal MAX_RUNS_REACHED = "MaxRunsReached": "As many runs as `spec.maxRuns` says were started; no time starts another.";
    Normal END_TIME_REACHED = "EndTimeReached": "No time of the timetable is left until `spec.endTime`.";
    Normal NOTICE_DELIVERED = "Delivered": "The last notice of the schedule was accepted.";
    Normal NO_NOTICE_YET = "NoNoticeYet": "Nothing has happened yet that `spec.notify` of the schedule asks for.";
    Normal NOTIFICATIONS_OFF = "NotificationsOff": "The operator runs with `--notifications=false` and tells nobody.";
    Normal NO_RUN_YET = "NoRunYet": "No run of the schedule is over yet.";
    Normal RUN_NOW_REPEATED = "RunNowRepeated": "There is a run for this value of the annotation `locust.io/run-now` already; another value makes another run.";

    Problem CREATE_FAILED = "ResourcesFailed": "The API server refuses one of the run's objects; the message has its words.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.message}'",
        fix: "Change what the message names: a quota of Jobs, an admission policy, a webhook. The operator tries again until `startDeadline`.";
    Problem CONFIG_MAP_NOT_FOUND = "ConfigMapNotFound": "A ConfigMap that `testFiles` names does not exist in the test's namespace.",
        look: "kubectl get configmaps",
        fix: "Create it before `startDeadline` and the run starts within seconds; or correct the name in a new test.";
    Problem FAILED_CREATE = "FailedCreate": "The API server refuses the pods of a Job: a quota, a LimitRange, Pod Security, a missing service account.",
        look: "kubectl describe job first-test-worker",
        fix: "Raise the quota, or ask for less in `master.resources`, `worker.resources` and `worker.replicas`; for Pod Security see the chart value `locustPods.securityProfile` and `security` in the test. Kubernetes tries again by itself, at most a minute later.";
    Problem CONFIGURATION = "ConfigurationError": "A container cannot be made: a Secret or ConfigMap of `env`, `volumes` or the operator's settings is missing, a key is not in it, or the image runs as a user the security context forbids.",
        look: "kubectl describe pods -l performance-test-name=first-test",
        fix: "Create what the message names and the pod starts by itself. When it speaks of `runAsNonRoot`, set the chart value `locustPods.runAsUser`.";
    Problem IMAGE_PULL = "ImagePullError": "A node cannot pull an image.",
        look: "kubectl describe pods -l performance-test-name=first-test",
        fix: "Check the image's name and tag, `imagePullSecrets`, and that nodes reach the registry. The kubelet tries again by itself, at most five minutes later.";
    Problem SCHEDULING = "SchedulingError": "No node takes a pod; the message has the scheduler's words.",
        look: "kubectl get pods -l performance-test-name=first-test -o wide",
        fix: "Add nodes, ask for less CPU and memory, or correct `scheduling` (node selector, affinity, tolerations). If a cluster autoscaler needs longer than `startDeadline`, make that longer.";
    Problem OOM_KILLED = "OOMKilled": "A container was killed for using more memory than its limit.",
        look: "kubectl describe pods -l performance-test-name=first-test",
        fix: "Raise `worker.resources.limits.memory` or `master.resources.limits.memory`, spread users over more workers, or look for what the locustfile keeps.";
    Problem CRASH_LOOP = "CrashLoopBackOff": "A container ends with an error; the message has its last line.",
        look: "kubectl logs -l performance-test-pod-name=first-test-worker --prefix --tail=20",
        fix: "Mend what the log shows: mostly an error in the locustfile, or an option that this Locust does not know.";
    Problem INITIALIZATION = "InitializationError": "An init container failed, such as one that a service mesh adds.",
        look: "kubectl logs -l performance-test-name=first-test --all-containers --prefix --tail=20",
        fix: "Mend the init container, or keep it out of the test's pods by label or annotation.";
    Problem DISRUPTED = "PodDisrupted": "The cluster ended a worker's pod: it was evicted, preempted, or lost with its node.",
        look: "kubectl get pods -l performance-test-pod-name=first-test-worker -o wide",
        fix: "The worker is replaced by itself. To keep it from happening, set requests that the workers really need, or a `pod.priorityClassName`.";
    Problem WORKERS_MISSING = "WorkersMissing": "Fewer workers are connected than were asked for, during the load.",
        look: "kubectl get pods -l performance-test-pod-name=first-test-worker",
        fix: "A lost worker is replaced by itself. Look at why it was lost: memory limit, node, eviction.";
    Problem MASTER_UNREACHABLE = "MasterUnreachable": "The master runs, and port 9646 of its pod does not answer the operator; live numbers are missing, the verdict is not. Before the load it may only be slow: a locustfile that loads for long.",
        look: "kubectl get networkpolicies",
        fix: "Let the operator's namespace reach port 9646 of the master's pod. A master that is out of CPU does not answer either.";
    Problem TEMPLATE_NOT_FOUND = "TemplateNotFound": "The LocustTemplate that `templateRef` names does not exist.",
        look: "kubectl get locusttemplates --all-namespaces",
        fix: "Apply the template before `startDeadline` and the run starts at once; or correct `templateRef`.";
    Problem REF_NOT_PERMITTED = "RefNotPermitted": "The template is in another namespace, and does not let this one use it.",
        look: "kubectl get locusttemplates --all-namespaces -o wide",
        fix: "Let whoever owns the template set `allowedNamespaces`, or copy the template into the test's namespace. An operator that watches one namespace uses the templates of that one only.";
    Problem PARAMETERS_INVALID = "ParametersInvalid": "The template cannot be filled in: parameters are missing, unknown or wrong, or the test sets what the template does not let it set.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.message}'",
        fix: "Correct what the message names, in the test or in the template; it is tried again until `startDeadline`.";
    Problem TEMPLATE_INVALID = "TemplateInvalid": "No test can be made from the template; the message lists what is wrong, each with its field and what to do.",
        look: "kubectl get locusttemplates -o wide",
        fix: "Correct the field and apply the template again. Tests that wait for it start by themselves.";
    Problem CONSECUTIVE_FAILURES = "ConsecutiveFailures": "As many runs in a row as `suspendAfterConsecutiveFailures` says were Failed or Error, and no time starts another.",
        look: "kubectl get locustschedule nightly -o jsonpath='{range .status.history[*]}{.name}  {.verdict}  {.reason}  {.message}{\"\\n\"}{end}'",
        fix: "Mend what the runs say. Then let one run on demand with `kubectl annotate losched nightly --overwrite locust.io/run-now=$(date +%s)`: when it has Passed, the timetable is in force again. Or give the annotation `locust.io/resume` a new value.";
    Problem PREVIOUS_RUN_ACTIVE = "PreviousRunActive": "A run was due, or asked for, while an earlier one of the schedule went on, and `concurrencyPolicy` is Forbid.",
        look: "kubectl get locustschedule nightly -o jsonpath='{.status.active[*].name}  {.status.lastSkip.message}'",
        fix: "Let runs be over before the next is due, or set `onConflict: Delay`, or another `concurrencyPolicy`.";
    Problem DEADLINE_EXCEEDED = "DeadlineExceeded": "A run could not start within `startingDeadlineSeconds` of its time: no operator ran, or an earlier run went on.",
        look: "kubectl get locustschedule nightly -o jsonpath='{.status.missedRuns}  {.status.lastSkip.message}'",
        fix: "Nothing, after an outage: the next time starts a run again. To have runs made up for later than that, make `startingDeadlineSeconds` longer.";
    Problem NOTICE_RETRYING = "Retrying": "A notice of the schedule could not be delivered, and is sent again later. No verdict changes by that.",
        look: "kubectl get locustschedule nightly -o jsonpath='{.status.notices[*].retryAt}  {.status.conditions[?(@.type==\"NotificationsDelivered\")].message}'",
        fix: "Look at the receiver, at the way to it (NetworkPolicy, firewall, DNS), and for https at the chart's `notifications.caBundle`.";
    Problem NOTICE_GIVEN_UP = "GaveUp": "A notice of the schedule is not sent any more: the receiver refuses it, or ten tries in about a day were in vain. No verdict changes by that.",
        look: "kubectl get locustschedule nightly -o jsonpath='{.spec.notify}  {.status.conditions[?(@.type==\"NotificationsDelivered\")].message}'",
        fix: "Correct `spec.notify`, or the address or token in its Secret. What was given up is sent again when the spec changes.";
    Problem SECRET_NOT_READABLE = "SecretNotReadable": "The Secret that `spec.notify` of the schedule names does not exist, lacks a key, or may not be read by the operator.",
        look: "kubectl get locustschedule nightly -o jsonpath='{.spec.notify.secretRef.name}  {.status.conditions[?(@.type==\"NotificationsDelivered\")].message}'",
        fix: "Create the Secret with the key `url` or `token`, and let the operator read Secrets of that name by the chart's `notifications.secretNames`.";

    Outcome PASSED = "AllPassed": "The load ended as it should and everything that was asked for held.";
    Outcome TEST_FAILED = "TestFailed": "Published word for a test that did not end well; `status.reason` says why.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.reason}: {.status.message}'",
        fix: "See the reason in `status.reason`.";
    Outcome REQUESTS_FAILED = "RequestsFailed": "Requests failed, or the locustfile raised exceptions, and the test has no thresholds: the published meaning of a failed test.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.summary.errors}'",
        fix: "The service answered with errors: look there first. For exceptions of the locustfile see the master's log.";
    Outcome THRESHOLD_BREACHED = "ThresholdBreached": "At least one threshold did not hold; the message and `status.thresholds` have limit and actual.",
        look: "kubectl get locusttest first-test -o jsonpath='{range .status.thresholds[*]}{.result}  {.limit}  {.actual}{\"\\n\"}{end}'",
        fix: "The service was slower, or failed more often, than was asked for: look there first. A threshold that is only to be shown has `severity: Warn`.";
    Outcome REGRESSION = "Regression": "By its series the service is slower than it was, and `spec.baseline.onRegression` is `Fail`; or the condition `Regression` says so.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.comparison.message}'",
        fix: "Look at what changed in the service before the run at which the level shifted. When the new level is meant to stay, remove the series' ConfigMap, or its key: a new series begins.";
    Normal NO_REGRESSION = "NoRegression": "By its series the service is not slower than it was.";
    Normal NOT_COMPARED = "NotCompared": "Whether the service is slower than it was cannot be said yet; the message says why.";
    Outcome THRESHOLD_ABORT = "ThresholdAbort": "A threshold with `abort` was in breach for as long as it says, and the load was ended early.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.message}'",
        fix: "Look at the service. When it was only the ramp-up, make `abort.delay` longer.";
    Outcome THRESHOLD_NO_DATA = "ThresholdNoData": "A threshold had nothing to judge: no such request, or fewer than `minRequests`.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.summary.endpoints[*].name}'",
        fix: "Correct the endpoint's name, let the test run longer, or lower `minRequests`. What no data mean is set by `onNoData`.";
    Outcome EXIT_CODE = "ExitCode": "The locustfile ended Locust with an exit code of its own, or Locust did so for a reason it did not count as a failed request.",
        look: "kubectl logs job/first-test-master --tail=30",
        fix: "Look for `process_exit_code` in the locustfile and for what it says in the log.";
    Outcome EXIT_CODE_ONLY = "ExitCodeOnly": "The published operator started the run, and this one watched it to its end: the verdict is Locust's exit code, and there are no numbers.",
        look: "kubectl logs job/first-test-master --tail=30",
        fix: "Nothing: the next run is made by this operator and has numbers.";
    Outcome NEVER_STARTED = "NeverStarted": "Locust ended before any load; the message has the last line it said.",
        look: "kubectl logs job/first-test-master --tail=30",
        fix: "Mend the locustfile or the options that the message names, and create the test again.";
    Outcome START_DEADLINE = "StartDeadlineExceeded": "No load until `startDeadline`: not all workers connected, or nobody started the load.",
        look: "kubectl logs -l performance-test-pod-name=first-test-worker --prefix --tail=20",
        fix: "Let workers reach port 5557 of the master (NetworkPolicy, mesh). With `master.autostart: false` somebody must press start in time. Or make `startDeadline` longer.";
    Outcome INVALID_SPEC = "InvalidSpec": "The spec contradicts itself; the message lists what is wrong, each with its field and what to do.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.message}'",
        fix: "Correct the field and apply the test again: before it has started, it may be changed.";
    Outcome NAME_CONFLICT = "NameConflict": "Another owner holds the name of an object the run needs, and the fallback name too.",
        look: "kubectl get jobs,services,configmaps",
        fix: "Delete the object that the message names, or give the test another name.";
    Outcome TIMEOUT = "Timeout": "The load lasted longer than `timeout` and was stopped.",
        look: "kubectl get locusttest first-test -o jsonpath='{.spec.run} {.spec.timeout}'",
        fix: "Set `run.runTime`, or a longer `timeout`.";
    Outcome MASTER_LOST = "MasterLost": "The master ended in the middle of the load; the summary has what it reported last.",
        look: "kubectl describe pods -l performance-test-pod-name=first-test-master",
        fix: "The message says how it ended. Give the master more memory, keep it off nodes that are drained, and create the test again.";
    Outcome WORKERS_SATURATED = "WorkersSaturated": "Workers ran out of processor time, so the response times are partly their own.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.message}'",
        fix: "Spread the users over more workers, or raise `worker.resources.limits.cpu`; one worker uses one core at most. `validity.maxCpuSaturatedWorkersPercent` sets how many may be.";
    Outcome USERS_NOT_REACHED = "UsersNotReached": "The load ended before all users ran at once.",
        look: "kubectl get locusttest first-test -o jsonpath='{.spec.run} {.status.summary.peakUsers}'",
        fix: "Make `run.runTime` longer than the ramp-up (`users` divided by `spawnRate`), or set `validity.minUsersPercent`.";
    Outcome WORKERS_LOST = "WorkersLost": "Workers left in the middle of the load: all of them, or more than `validity.minWorkersPercent` allows.",
        look: "kubectl describe pods -l performance-test-pod-name=first-test-worker",
        fix: "Look at how the worker pods ended: memory limit, node, a locustfile that ends its process. Those that did not end said nothing for three seconds: give them more processor time, or let the locustfile set `locust.runners.HEARTBEAT_LIVENESS` to more seconds.";
    Outcome STOPPED = "Stopped": "`spec.stop` ended the run; the summary has the numbers until then.",
        look: "kubectl get locusttest first-test -o jsonpath='{.status.message}'",
        fix: "Nothing: somebody asked for it. To run the test, create it again without `stop`.";
    Outcome STOPPED_EARLY = "StoppedEarly": "The load ended before its run time: in the web UI, or by the locustfile.",
        look: "kubectl logs job/first-test-master --tail=30",
        fix: "Nothing, if it was on purpose. Else find who stopped it; the web UI takes commands from anyone who reaches it.";
    Outcome NO_REQUESTS = "NoRequests": "The run ended without a single request.",
        look: "kubectl logs -l performance-test-pod-name=first-test-worker --prefix --tail=20",
        fix: "Set `run.host`, give the user classes tasks, and check that `run.tags` and `run.userClasses` leave some.";
    Outcome NO_SUMMARY = "NoSummary": "The run ended and its master left no summary: the operator's plugin was not loaded.",
        look: "kubectl logs job/first-test-master --tail=30",
        fix: "Use an image with Locust 2.20 or newer whose entrypoint is `locust`, and look for an error of `locust_operator` in the log.";
    Outcome RESULT_LOST = "ResultLost": "The master's Job or pod was gone before anything was known of the run.",
        look: "kubectl get events --field-selector involvedObject.name=first-test-master",
        fix: "Find who deleted it: a person, a clean-up job, or the garbage collection of finished pods while the operator was away. Create the test again.";
    Outcome STEP_FAILED = "StepFailed": "A required step of the suite Failed; the message names it, and why.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .status.steps[*]}{.name}  {.verdict}  {.reason}  {.message}{\"\\n\"}{end}'",
        fix: "Look at the step's test, by the reason it has. A step that is only to be shown has `optional: true`.";
    Outcome STEP_INCONCLUSIVE = "StepInconclusive": "A required step of the suite was Inconclusive; the message names it, and why.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .status.steps[*]}{.name}  {.verdict}  {.reason}  {.message}{\"\\n\"}{end}'",
        fix: "Look at the step's test, by the reason it has. What fails by chance may be tried again with the step's `retries`.";
    Outcome STEP_ERROR = "StepError": "A required step of the suite never really ran; the message names it, and why.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .status.steps[*]}{.name}  {.verdict}  {.reason}  {.message}{\"\\n\"}{end}'",
        fix: "Mend what the message names, and create the suite again.";
    Outcome STEP_ABORTED = "StepAborted": "Somebody stopped a required step of the suite, and not the suite.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .status.steps[*]}{.name}  {.verdict}  {.reason}  {.message}{\"\\n\"}{end}'",
        fix: "Nothing, if it was on purpose. To stop a whole suite, set `stop` of the suite.";
    Outcome NOTHING_RAN = "NothingRan": "No step of the suite was to run, so there is nothing to judge.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .status.steps[*]}{.name}  {.reason}  {.message}{\"\\n\"}{end}'",
        fix: "Correct `when` and `dependsOn` so that at least one step runs; `OnFailed` needs a step before that can fail.";
    Outcome CHILD_DELETED = "ChildDeleted": "Somebody deleted the test or Job of a suite's step, or a run of a schedule, before it had ended. It is not made again.",
        look: "kubectl get locusttests,locusttestsuites,jobs",
        fix: "Create the suite again; a schedule goes on with the next run. To end a test or a suite early, set its `stop`.";
    Outcome REPLACED = "Replaced": "The run of a schedule was deleted before it had ended, to make room for the next: `concurrencyPolicy` is Replace.",
        look: "kubectl get locustschedule nightly -o jsonpath='{.spec.schedules}  {.status.lastRun.name}'",
        fix: "Nothing, if runs may be that long. Else give the test a shorter `run.runTime` or `timeout`, or let the schedule run less often.";
    Outcome JOB_FAILED = "JobFailed": "The Job of a suite's step failed; the message has Kubernetes' words.",
        look: "kubectl logs job/nightly-seed --tail=30",
        fix: "Mend what the Job's log shows. `backoffLimit` in the Job, or `retries` of the step, try again by themselves.";
    Outcome OUTPUT_UNAVAILABLE = "OutputUnavailable": "A step of the suite needs a number of an earlier one, which does not exist: that did not run, or left no summary.",
        look: "kubectl get losuite nightly -o jsonpath='{.status.steps}'",
        fix: "Let the step run only when the earlier one passed (`when: OnPassed`, the default), or do without the number.";
    Outcome STEP_TIMEOUT = "StepTimeout": "An attempt of a suite's step took longer than the step's `timeout` and was stopped.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .spec.steps[*]}{.name}  {.timeout}{\"\\n\"}{end}'",
        fix: "Make the step's `timeout` longer than its run time with the start of its pods, or look at what kept it.";
    Outcome WAIT_FOR_FAILED = "WaitForFailed": "What a step of the suite waits for was not so within the `timeout` of its `waitFor`, or cannot come to be so.",
        look: "kubectl get locusttestsuite first-suite -o jsonpath='{range .status.steps[*]}{.name}  {.message}{\"\\n\"}{end}'",
        fix: "Look at the service that the message names, or make `waitFor.timeout` longer.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_that_is_not_well_says_what_to_do() {
        for guide in GUIDES {
            let helped = !guide.look.is_empty() && !guide.fix.is_empty();
            let is_fine = guide.kind == Kind::Normal || guide.word == PASSED;
            assert!(helped != is_fine, "{}", guide.word);
            assert!(guide.meaning.ends_with('.'), "{}", guide.word);
        }
    }

    #[test]
    fn every_reason_is_declared_once() {
        let words: BTreeSet<&str> = GUIDES.iter().map(|guide| guide.word).collect();
        assert_eq!(words.len(), GUIDES.len());
    }
}
