//! The smallest custom runtime: the standard library alone, speaking the Lambda Runtime API over one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const ANSWER: &str = r#"{"statusCode":200,"headers":{"content-type":"text/plain"},"body":"hello"}"#;

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("set by the platform");
    let mut writer = TcpStream::connect(&api).expect("the Runtime API listens");
    // Requests are written in pieces, none of which must wait for an acknowledgement.
    writer.set_nodelay(true).expect("a TCP socket");
    let mut reader = BufReader::new(writer.try_clone().expect("a socket can be cloned"));
    loop {
        write!(writer, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nhost: {api}\r\n\r\n").expect("written");
        let id = read_response(&mut reader);
        write!(
            writer,
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nhost: {api}\r\ncontent-length: {}\r\n\r\n{ANSWER}",
            ANSWER.len()
        )
        .expect("written");
        read_response(&mut reader);
    }
}

/// Reads one response to its end; gives its request id header, or nothing.
fn read_response(reader: &mut impl BufRead) -> String {
    let (mut id, mut length, mut line) = (String::new(), 0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).expect("the connection holds") == 0 {
            std::process::exit(0);
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "lambda-runtime-aws-request-id" => id = value.trim().to_owned(),
                "content-length" => length = value.trim().parse().expect("a number"),
                _ => {}
            }
        }
    }
    reader.take(length).read_to_end(&mut Vec::new()).expect("the whole body");
    id
}
