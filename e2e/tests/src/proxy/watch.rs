//! Watches stream through, late if a test wants it, and can be told that their history is gone.

use std::sync::Arc;

use anyhow::{Error, anyhow};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::TRANSFER_ENCODING;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::faults::Call;
use super::serve::{Body, status};
use super::{Ending, Shared, lock};

/// A piece of a watch and when it is due; an error cuts the connection.
type Piece = (Instant, Result<Frame<Bytes>, Error>);

/// The answer to a watch, as the operator gets it.
pub(super) fn relay(
    answer: Response<Incoming>,
    call: Call,
    shared: &Arc<Shared>,
) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(TRANSFER_ENCODING);
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(read(body, call, shared.clone(), sender));
    let pieces = stream::unfold(
        receiver,
        |mut receiver: mpsc::UnboundedReceiver<Piece>| async move {
            let (due, piece) = receiver.recv().await?;
            sleep_until(due).await;
            Some((piece, receiver))
        },
    );
    Response::from_parts(head, BodyExt::boxed_unsync(StreamBody::new(pieces)))
}

/// Reads a watch until one of both sides ends it.
async fn read(
    mut body: Incoming,
    call: Call,
    shared: Arc<Shared>,
    to: mpsc::UnboundedSender<Piece>,
) {
    let mut ending = shared.ending.subscribe();
    loop {
        let piece = tokio::select! {
            piece = body.frame() => piece,
            _ = ending.changed() => {
                if let Ending::Expired = *ending.borrow() {
                    // Whether the operator is still there to read it does not matter.
                    let _ = to.send((Instant::now(), Ok(Frame::data(history_is_gone()))));
                }
                return;
            }
            () = to.closed() => return,
        };
        let Some(piece) = piece else { return };
        let late = match lock(&shared.faults) {
            faults if faults.dark => None,
            faults => Some(faults.staleness(&call)),
        };
        let Some(late) = late else {
            // What was under way in the dark never arrives.
            to.closed().await;
            return;
        };
        let piece = piece.map_err(|error| anyhow!(error));
        if to.send((Instant::now() + late, piece)).is_err() {
            return;
        }
    }
}

fn history_is_gone() -> Bytes {
    let event = json!({"type": "ERROR", "object": status(410)});
    Bytes::from(format!("{event}\n"))
}
