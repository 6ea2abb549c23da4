//! The Chrome DevTools protocol: commands and their answers, and between them the events that tell what went wrong in the page.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// A command that is not answered by then never will be.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// One WebSocket to the browser or to one of its pages.
pub(crate) struct DevTools {
    socket: WebSocket<TcpStream>,
    next_id: u64,
    /// What went wrong in the page, in its own words.
    pub(crate) errors: Vec<String>,
    /// The names of the events seen since they were last cleared.
    pub(crate) seen: Vec<String>,
}

impl DevTools {
    /// Connects to `ws://ADDRESS/PATH`.
    pub(crate) fn connect(address: SocketAddr, path: &str) -> Result<DevTools> {
        let url = format!("ws://{address}{path}");
        let stream = TcpStream::connect(address).with_context(|| format!("cannot reach Chromium at {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let (socket, _) = tungstenite::client(url.as_str().into_client_request()?, stream)
            .map_err(|error| anyhow::anyhow!("Chromium refused {url}: {error}"))?;
        Ok(DevTools { socket, next_id: 1, errors: Vec::new(), seen: Vec::new() })
    }

    /// Sends a command and waits for its answer, noting the events on the way.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        let id = self.next_id;
        self.next_id += 1;
        let request = json!({ "id": id, "method": method, "params": params });
        self.socket.send(Message::text(request.to_string())).with_context(|| format!("cannot send {method} to Chromium"))?;
        let deadline = Instant::now() + ANSWER_WITHIN;
        while Instant::now() < deadline {
            let mut message = self.read().with_context(|| format!("while waiting for the answer to {method}"))?;
            if message["id"] == id {
                if let Some(error) = message.get("error") {
                    bail!("Chromium refused {method}: {error}");
                }
                return Ok(message["result"].take());
            }
            self.note(&message);
        }
        bail!("Chromium did not answer {method} within {ANSWER_WITHIN:?}")
    }

    /// Reads until an event of this name has been seen since [`DevTools::seen`] was cleared.
    pub(crate) fn wait_for_event(&mut self, name: &str) -> Result<()> {
        let deadline = Instant::now() + ANSWER_WITHIN;
        while !self.seen.iter().any(|seen| seen == name) {
            if Instant::now() > deadline {
                bail!("no {name} within {ANSWER_WITHIN:?}");
            }
            let message = self.read().with_context(|| format!("while waiting for {name}"))?;
            self.note(&message);
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Value> {
        loop {
            if let Message::Text(text) = self.socket.read().context("the connection to Chromium ended")? {
                return serde_json::from_str(&text).context("Chromium sent something other than JSON");
            }
        }
    }

    fn note(&mut self, event: &Value) {
        let (method, params) = (event["method"].as_str().unwrap_or_default(), &event["params"]);
        self.seen.push(method.to_owned());
        match method {
            "Runtime.exceptionThrown" => {
                self.errors.push(format!("exception: {}", exception_text(&params["exceptionDetails"])));
            }
            "Runtime.consoleAPICalled" if params["type"] == "error" || params["type"] == "assert" => {
                let words = params["args"].as_array().into_iter().flatten().map(|argument| match &argument["value"] {
                    Value::String(text) => text.clone(),
                    Value::Null => argument["description"].as_str().unwrap_or("?").to_owned(),
                    other => other.to_string(),
                });
                self.errors.push(format!("console.error: {}", words.collect::<Vec<_>>().join(" ")));
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                let entry = &params["entry"];
                self.errors.push(format!("browser: {} {}", text_of(&entry["text"]), text_of(&entry["url"])));
            }
            "Inspector.targetCrashed" => self.errors.push("the page crashed".to_owned()),
            _ => {}
        }
    }
}

/// What an exception said, with its stack where it has one.
pub(crate) fn exception_text(details: &Value) -> String {
    let exception = &details["exception"];
    let said = exception["description"].as_str().or(exception["value"].as_str()).or(details["text"].as_str());
    said.unwrap_or("unknown").to_owned()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
