//! A question to the cluster's DNS, by way of its Service: the answer shows
//! that kube-proxy, CoreDNS and the API server work together.

use std::net::UdpSocket;
use std::time::Duration;

use super::config::DNS_SERVICE;

/// Whether the cluster's DNS knows the API server's Service.
pub fn answers() -> bool {
    ask("kubernetes.default.svc.cluster.local").unwrap_or(false)
}

fn ask(name: &str) -> std::io::Result<bool> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(300)))?;
    let question = question(name);
    socket.send_to(&question, (DNS_SERVICE, 53))?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    Ok(resolved(&question, &answer[..length]))
}

/// A query for the IPv4 address of a name, after RFC 1035, section 4.
fn question(name: &str) -> Vec<u8> {
    let mut message = vec![0x10, 0xc5, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.extend(u8::try_from(label.len()));
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    message
}

fn resolved(question: &[u8], answer: &[u8]) -> bool {
    let same_id = answer.len() >= 12 && answer[..2] == question[..2];
    same_id && answer[3] & 0x0f == 0 && (answer[6], answer[7]) != (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_written_by_labels() {
        assert_eq!(&question("a.bc")[12..], b"\x01a\x02bc\x00\x00\x01\x00\x01");
    }

    #[test]
    fn only_an_answer_without_error_counts() {
        let question = question("a");
        let answer = |rcode, count| {
            let mut answer = question.clone();
            answer[3] = rcode;
            answer[7] = count;
            answer
        };
        assert!(resolved(&question, &answer(0, 1)));
        assert!(!resolved(&question, &answer(3, 0)));
        assert!(!resolved(&question, &answer(0, 0)));
        assert!(!resolved(&question, &[]));
    }
}
