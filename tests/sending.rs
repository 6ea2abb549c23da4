//! What an application does for its messages beyond its client: sending again in a loop, a table of what failed, an outbox (S-8..S-10), and
//! what each of them doubles, loses or puts out of order when it dies.

use crate::cluster::*;
use sim_core::ids::*;
use sim_core::trace::{SendOutcome, What};

/// Twenty messages of one key, one every 50 ms from second 10 on.
fn sends(send: &str, config: &str) -> String {
    producer(20, "20/s", send, config).replace("\"1s\"", "\"10s\"")
}

fn with(send: &str, resend: &str, config: &str, faults: &str) -> Checked {
    let sender = sends(send, config);
    let sender = if resend.is_empty() { sender } else { sender + &format!("resend = {{ {resend} }}\n") };
    check(&(three("180s", "", "\"min.insync.replicas\" = 2") + &sender + READERS + faults))
}

const SAFE: &str = "acks = \"all\"";

/// The process is crashed once, at this point of its work on message 7.
fn crashed(send: &str, point: &str) -> Checked {
    let fault = format!("crash-at-step = \"{point} of p\"\nmessage = 7\nrestart-after = \"1s\"");
    with(send, "", SAFE, &self::fault("0s", &fault)).sometimes("the crash", |what| matches!(what, What::SendPointReached { .. }))
}

fn resent(run: &Checked) -> usize {
    run.events(|what| matches!(what, What::Resent { .. })).len()
}

/// S-9: the answers are cut off for longer than the application waits. It sends the same message again, although the client is idempotent and
/// still tries: two records (DUP-2).
#[test]
fn send_sync_with_a_loop_doubles_what_was_only_late() {
    let cut = fault("10400ms", "cut = \"broker 1 -> producer p\"\nuntil = \"24s\"");
    let run = with("sync-retry", "", SAFE, &cut)
        .expect(&[("messages.acked", 20), ("lost", 0), ("mechanisms.DUP-2", 1), ("duplicated", 1)])
        .at_least(&[("broker.extra_copies", 1)]);
    assert!(resent(&run) >= 1);
    // The client alone does it right, if the application waits for it.
    let run = with("sync", "", SAFE, &cut).expect(&[("messages.acked", 20), ("lost", 0), ("duplicated", 0)]);
    assert_eq!(resent(&run), 0);
}

/// S-9: errors are tried again 100 ms times the attempt later, up to a maximum; then the message is given up.
#[test]
fn send_sync_with_a_loop_gives_up_in_the_end() {
    let down = fault("10400ms", "cut = \"producer p <-> brokers\"");
    let run = with("sync-retry", "attempts = 3, timeout = \"5s\"", SAFE, &down).expect(&[("lost", 0)]);
    let given_up = |what: &What| matches!(what, What::SendReported { outcome, .. } if *outcome != SendOutcome::Acked);
    let reported = run.events(given_up).len();
    assert!(reported > 0 && resent(&run) >= 2 * reported, "{reported} given up after {} attempts more", resent(&run));
}

/// S-10: what the client gives up is written into a table and sent again by a job: nothing is lost, but late ones come after their
/// successors (ORDER-2).
#[test]
fn send_async_with_a_table_loses_nothing_and_disorders() {
    let cut = fault("10400ms", "cut = \"producer p <-> brokers\"\nuntil = \"20s\"");
    let config = "acks = \"all\", \"delivery.timeout.ms\" = 6000, \"request.timeout.ms\" = 3000";
    let run = with("async-table", "every = \"30s\"", config, &cut).expect(&[("messages.acked", 20), ("lost", 0)]);
    assert!(resent(&run) > 0);
    run.sometimes("a row", |what| matches!(what, What::RowKept { .. }))
        .sometimes("marked", |what| matches!(what, What::RowCleared { .. }));
    let late = producer(20, "1/s", "async-table", config).replace("\"1s\"", "\"10s\"") + "resend = { every = \"10s\" }\n";
    let cut = fault("12400ms", "cut = \"producer p <-> brokers\"\nuntil = \"20s\"");
    check(&(three("180s", "", "\"min.insync.replicas\" = 2") + &late + READERS + &cut))
        .expect(&[("messages.acked", 20), ("lost", 0)])
        .at_least(&[("mechanisms.ORDER-2", 1), ("orders.reordered", 1)]);
}

/// All that was intended arrived; what came due while the process was down was not intended.
fn all_arrived(run: Checked) -> Checked {
    let intended = run.figure("messages.intended");
    assert!(intended > 7, "{intended}");
    run.expect(&[("messages.acked", intended), ("lost", 0)])
}

/// LOSS-P7: a crash before the callback leaves no row. The outbox has one from the beginning.
#[test]
fn a_crash_before_the_callback_loses_what_no_row_holds() {
    crashed("async-table", "after send").expect(&[("messages.unknown", 1), ("mechanisms.LOSS-P7", 1)]);
    for point in ["after send", "after row"] {
        all_arrived(crashed("outbox", point)).expect(&[("duplicated", 0)]);
    }
}

/// DUP-5: the relay dies between the ack and the mark.
#[test]
fn an_outbox_doubles_what_it_had_no_time_to_mark() {
    for point in ["after result", "before mark"] {
        let run = crashed("outbox", point);
        let doubled = run.figure("mechanisms.DUP-5");
        assert!(doubled >= 1, "{:?}", run.summary.mechanisms);
        all_arrived(run).expect(&[("duplicated", doubled)]);
    }
    all_arrived(crashed("outbox", "after mark"));
}

/// A consumer that knows the messages' own ids stops what the sender doubled.
#[test]
fn an_inbox_behind_an_outbox_is_exact() {
    let fault = fault("0s", "crash-at-step = \"after result of p\"\nmessage = 7\nrestart-after = \"1s\"");
    let readers = READERS.replace("dedupe = \"none\"", "dedupe = \"inbox\"");
    let body = three("180s", "", "\"min.insync.replicas\" = 2") + &sends("outbox", SAFE) + &readers + &fault;
    let run = all_arrived(check(&body)).expect(&[("duplicated", 0)]).at_least(&[("broker.extra_copies", 1)]);
    assert_eq!(run.figure("absorbed"), run.figure("broker.extra_copies"));
}

/// The rows of a table survive its process, and are sent by the next one in the order of the messages.
#[test]
fn rows_survive_the_process() {
    let cut = fault("10s", "cut = \"producer p <-> brokers\"\nuntil = \"30s\"");
    let crash = fault("20s", "crash = \"producer p\"\nrestart = \"21s\"");
    let run = with("outbox", "", SAFE, &(cut + &crash));
    let run = all_arrived(run).expect(&[("messages.intended", 20), ("duplicated", 0)]);
    let effects = run.events(|what| matches!(what, What::Effect { .. }));
    let order: Vec<MessageId> = effects
        .iter()
        .map(|event| match event.what {
            What::Effect { message, .. } => message,
            _ => unreachable!(),
        })
        .collect();
    assert!(order.is_sorted(), "{order:?}");
}

/// P-48: `send()` waits for memory when the process is told to stop, and throws. The row is still there: the next process sends it.
#[test]
fn what_close_has_refused_is_sent_by_the_next_process() {
    let cut = fault("10s", "cut = \"producer p <-> brokers\"\nuntil = \"15s\"");
    let stop = fault("11s", "shutdown = \"producer p\"\nrestart = \"20s\"");
    let full = "acks = \"all\", \"batch.size\" = 0, \"buffer.memory\" = 1500";
    let run = with("outbox", "every = \"100ms\"", full, &(cut + &stop));
    all_arrived(run).sometimes("it went down", |what| matches!(what, What::Stopped { node: NodeId::Producer(_) }));
}

/// P-43: a fault of ten seconds leaves a line of messages, one to a batch, that takes longer than the client's patience. What gets its turn is
/// always about to expire, and the outbox puts it in line again: that does not end with the fault. With patience, or a limit, it does.
#[test]
fn an_outbox_with_an_impatient_client_storms_for_ever() {
    let sent = |patience: &str, resend: &str| {
        let config = format!(
            "acks = \"all\", \"batch.size\" = 0, \"max.in.flight.requests.per.connection\" = 5, \"request.timeout.ms\" = 1000, \
             \"delivery.timeout.ms\" = {patience}"
        );
        let sender = producer(600, "50/s", "outbox", &config) + &format!("resend = {{ {resend} }}\n");
        let cut = fault("2s", "cut = \"producer p <-> brokers\"\nuntil = \"12s\"");
        check(&(three("40s", "", "\"min.insync.replicas\" = 2") + &sender + READERS + &cut))
    };
    let late =
        |run: &Checked| run.events(|what| matches!(what, What::Resent { .. })).iter().filter(|e| e.at > seconds(30)).count();
    let storm = sent("1000", "every = \"10ms\"");
    assert!(late(&storm) > 1_000, "{} in the last ten seconds", late(&storm));
    assert!(storm.figure("messages.acked") < 300, "{:?}", storm.summary.messages);
    let patient = sent("20000", "every = \"10ms\"").expect(&[("messages.acked", 600), ("lost", 0)]);
    let limited = sent("1000", "every = \"10ms\", attempts = 5");
    assert_eq!((late(&patient), late(&limited)), (0, 0));
}

/// S-16: what a service is called for is in no log, and nobody has lost it; while the service is down it is refused.
#[test]
fn a_call_is_no_record_that_a_log_could_lose() {
    let caller = "[[producer]]\nname = \"caller\"\nmessages = 40\nrate = \"10/s\"\nsend = \"call\"\n";
    let body = three("20s", "", "\"min.insync.replicas\" = 2") + caller;
    check(&body).expect(&[("messages.acked", 40), ("broker.lost_acked", 0), ("unexplained", 0)]);
    let down = fault("1s", "crash = \"service\"\nrestart = \"2s\"");
    check(&(body + &down)).expect(&[("broker.lost_acked", 0), ("unexplained", 0)]).at_least(&[("messages.rejected", 8)]);
}
